// See encodings.hpp.
#include "support/encodings.hpp"

#include <algorithm>
#include <stdexcept>
#include <zlib.h>
#include <zstd.h>

namespace sluice::test {

namespace {

std::string zlib(std::string_view text, int window_bits) {
    z_stream stream{};
    deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    ::deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

}  // namespace

std::string gzip(std::string_view text) { return zlib(text, 15 + 16); }
std::string deflate(std::string_view text) { return zlib(text, 15); }

std::string zstd(std::string_view text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

// RFC 7932: window bits 16 (one bit 0), then meta-blocks of at most 64 KiB: not last, four nibbles
// of length - 1, uncompressed; the bytes; at the end an empty last meta-block.
std::string brotli(std::string_view text) {
    std::string out;
    bool first = true;
    while (!text.empty()) {
        auto const size = std::min<std::size_t>(text.size(), 65536);
        auto bits = static_cast<std::uint32_t>((size - 1) << 3 | 1U << 19);
        int bytes = 3;  // 20 bits and padding
        if (first) bits <<= 1;
        first = false;
        for (; bytes > 0; --bytes, bits >>= 8) out += static_cast<char>(bits & 0xff);
        out += text.substr(0, size);
        text.remove_prefix(size);
    }
    return out + (first ? '\x06' : '\x03');
}

std::string encode(std::string_view coding, std::string_view text) {
    if (coding == "gzip") return gzip(text);
    if (coding == "deflate") return deflate(text);
    if (coding == "zstd") return zstd(text);
    if (coding == "br") return brotli(text);
    throw std::invalid_argument("no such coding");
}

}  // namespace sluice::test
