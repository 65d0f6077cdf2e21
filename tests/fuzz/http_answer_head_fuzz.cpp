// Arbitrary bytes as HTTP/1 answer heads. Whatever comes, the reader decides the same for the whole
// and for two pieces, views stay inside, and the quick way says what Beast says.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "net/http1_response.hpp"

namespace {

using sluice::net::HeadSplit;
using sluice::net::ResponseHeadReader;

void require(bool holds) {
    if (!holds) std::abort();
}

// What a reader made of the bytes, in words that can be compared.
std::string read(std::string_view input, std::size_t cut, HeadSplit split) {
    ResponseHeadReader reader{4096, 32, sluice::http::Method::post, split};
    std::size_t used = 0;
    for (auto const piece : {input.substr(0, cut), input.substr(cut)}) {
        std::string const copy{piece};  // reading past its end is seen
        auto const fed = reader.feed(copy);
        if (!fed.ok()) return "refused";
        require(fed.value() <= copy.size());
        used += fed.value();
        if (reader.complete()) break;
        require(fed.value() == copy.size());
    }
    if (!reader.complete()) return "more";
    auto const& head = reader.head();
    std::string said = std::to_string(used) + " " + std::to_string(head.status) + " " +
                       std::to_string(static_cast<int>(reader.framing())) + " " +
                       std::to_string(head.content_length) + (head.keep_alive ? " keeps" : "");
    for (auto const& field : head.headers) {
        require(field.name.find_first_of(" \t\r\n:") == std::string_view::npos);
        require(field.value.find_first_of("\r\n") == std::string_view::npos);
        said.append("\n").append(field.name).append(":").append(field.value);
    }
    return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view const input{reinterpret_cast<char const*>(data) + 1, size - 1};
    auto const whole = read(input, input.size(), HeadSplit::quick_where_plain);
    require(read(input, input.size() * data[0] / 256, HeadSplit::quick_where_plain) == whole);
    require(read(input, input.size(), HeadSplit::beast) == whole);
    return 0;
}
