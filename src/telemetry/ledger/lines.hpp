// Records as lines on their way to a file. One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

namespace sluice::telemetry {

struct Lines {
    std::string text;  // whole lines
    std::uint64_t records = 0;

    [[nodiscard]] bool empty() const noexcept { return text.empty(); }

    // Takes off the first `bytes`, which end in a newline; how many records that were.
    std::uint64_t take_off(std::size_t bytes) {
        auto const gone =
            bytes == text.size()
                ? records
                : static_cast<std::uint64_t>(std::count(
                      text.begin(), text.begin() + static_cast<std::ptrdiff_t>(bytes), '\n'));
        text.erase(0, bytes);
        records -= gone;
        return gone;
    }
    void append(Lines const& more) {
        text += more.text;
        records += more.records;
    }
    void clear() noexcept {
        text.clear();
        records = 0;
    }
};

}  // namespace sluice::telemetry
