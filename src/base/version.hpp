// What this binary calls itself in --version, in the start-up text and to upstreams.
#pragma once

#include <string_view>

namespace sluice {

// "0.1.0", with "+g<commit>" when built from a git checkout. The text is made by version.cmake.
std::string_view version() noexcept;

}  // namespace sluice
