// Which members of a request's inner objects may stand only once: two parsers that disagree about
// the second one are how a check is bypassed. Called by the dialects' request readers.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::dialect {

// Members that must stand once in any object inside messages, tools and the like.
struct InnerOnce {
    static std::uint8_t bit(std::string_view name) noexcept {
        switch (name.size()) {
            case 2:
                return name == "id" ? 0x01 : 0;
            case 4:
                if (name == "role") return 0x02;
                if (name == "type") return 0x04;
                if (name == "text") return 0x08;
                return name == "name" ? 0x10 : 0;
            case 7:
                return name == "content" ? 0x20 : 0;
            case 9:
                return name == "arguments" ? 0x40 : 0;
            default:
                return 0;
        }
    }
};

}  // namespace sluice::dialect
