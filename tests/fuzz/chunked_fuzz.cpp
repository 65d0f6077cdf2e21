// The chunked decoder: never reads past its input, and the split never matters.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "codec/chunked.hpp"

using sluice::codec::ChunkedDecoder;

namespace {

struct Outcome {
    std::string payload;
    ChunkedDecoder::State state = ChunkedDecoder::State::more;
    std::size_t consumed = 0;
    bool operator==(Outcome const&) const = default;
};

Outcome decode(std::string_view text, std::size_t step) {
    ChunkedDecoder decoder;
    Outcome out;
    for (std::size_t at = 0; at < text.size() && out.state == ChunkedDecoder::State::more;
         at += step) {
        auto const piece = text.substr(at, step);
        // Exact size on the heap: ASan sees a read behind it.
        std::vector<char> const bytes(piece.begin(), piece.end());
        auto const fed = decoder.feed({bytes.data(), bytes.size()},
                                      [&](std::string_view payload) { out.payload += payload; });
        out.state = fed.state;
        out.consumed += fed.consumed;
        if (fed.state == ChunkedDecoder::State::more && fed.consumed != piece.size()) std::abort();
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text{reinterpret_cast<char const*>(data), size};
    auto const whole = decode(text, size + 1);
    if (whole.payload.size() > size) std::abort();
    for (std::size_t step : {1, 2, 5}) {
        if (decode(text, step) != whole) std::abort();
    }
    return 0;
}
