// The SSE framer: no byte lost, no frame over the bound, and the split never matters.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "codec/sse.hpp"

using namespace sluice::codec;

namespace {

constexpr std::size_t frame_bytes_max = 512;

struct Outcome {
    std::vector<std::string> frames;
    std::string said;
    std::string tail;
    bool fits = true;
    bool operator==(Outcome const&) const = default;
};

Outcome frames_of(std::string_view text, std::size_t step) {
    SseFramer framer(frame_bytes_max);
    Outcome out;
    auto const keep = [&](SseFrame const& frame) {
        if (frame.raw.empty() || frame.raw.size() > frame_bytes_max) std::abort();
        out.frames.emplace_back(frame.raw);
        out.said.append(frame.event).append("|").append(frame.data).append("|").append(frame.id);
    };
    for (std::size_t at = 0; at < text.size() && out.fits; at += step) {
        auto const piece = text.substr(at, step);
        std::vector<char> const bytes(piece.begin(), piece.end());
        out.fits = framer.feed({bytes.data(), bytes.size()}, keep);
        if (framer.tail_bytes() > frame_bytes_max) std::abort();
    }
    SseFrame frame;
    bool ended = false;
    if (framer.finish(frame, ended)) out.tail = frame.raw;
    if (!out.fits) out.tail.clear();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text{reinterpret_cast<char const*>(data), size};
    auto const whole = frames_of(text, size + 1);
    std::string joined;
    for (auto const& frame : whole.frames) joined += frame;
    joined += whole.tail;
    if (whole.fits ? joined != text : !text.starts_with(joined)) std::abort();
    for (std::size_t step : {1, 2, 3, 17}) {
        if (frames_of(text, step) != whole) std::abort();
    }
    return 0;
}
