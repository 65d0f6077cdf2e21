// Content codings, made for the tests: what upstreams and clients may send compressed.
#pragma once

#include <string>
#include <string_view>

namespace sluice::test {

std::string gzip(std::string_view text);
std::string deflate(std::string_view text);  // zlib wrapping, as RFC 9110 says
std::string zstd(std::string_view text);
std::string brotli(std::string_view text);  // stored meta-blocks: valid, not small

// By the coding's name in Content-Encoding.
std::string encode(std::string_view coding, std::string_view text);

}  // namespace sluice::test
