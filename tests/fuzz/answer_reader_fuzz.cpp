// Both answer readers and the error reader of each dialect: anything may come, the split never
// matters, and every byte goes on.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz/dialect_content.hpp"

using namespace sluice;

namespace {

struct Kept final : FrameSink {
    void on_frame(Frame const& frame) override {
        bytes += frame.raw;
        kinds += static_cast<char>('0' + static_cast<int>(frame.kind));
    }
    std::string bytes;
    std::string kinds;
};

std::string read(Dialect const& dialect, std::string_view text, bool streamed, std::size_t step) {
    Kept kept;
    auto const reader = dialect.row[0]->open_reader({streamed, 1024});
    Result<void> result;
    for (std::size_t at = 0; at < text.size() && result; at += step) {
        auto const piece = text.substr(at, step);
        std::vector<char> const bytes(piece.begin(), piece.end());
        result = reader->feed({bytes.data(), bytes.size()}, kept);
    }
    if (result) result = reader->finish(kept);
    if (!text.starts_with(kept.bytes)) std::abort();
    if (!streamed && kept.bytes != text) std::abort();
    auto const& u = reader->usage();
    if (u.input < u.cache_read || u.output < u.reasoning || u.input < 0) std::abort();
    std::string said = kept.bytes + (streamed ? kept.kinds : std::string{});
    for (auto const count : {u.input, u.output, u.cache_read, u.reasoning}) {
        said += std::to_string(count) + ",";
    }
    said += u.raw.text() + std::string{reader->model()} + std::string{reader->finish_reason()};
    said += std::to_string(reader->content_bytes());
    if (reader->fault()) said += to_string(reader->fault()->code);
    if (!result) said += to_string(result.error().code);
    return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text{reinterpret_cast<char const*>(data), size};
    std::vector<char> const bytes(data, data + size);
    for (auto const* dialect : fuzz::both()) {
        for (bool streamed : {true, false}) {
            auto const whole = read(*dialect, text, streamed, size + 1);
            for (std::size_t step : {1, 3, 29}) {
                if (read(*dialect, text, streamed, step) != whole) std::abort();
            }
        }
        for (std::uint16_t status : {400, 401, 429, 500}) {
            auto const error = dialect->read_error(status, {bytes.data(), bytes.size()});
            if (error.message.size() > 1100 || error.http_status < 400) std::abort();
        }
    }
    return 0;
}
