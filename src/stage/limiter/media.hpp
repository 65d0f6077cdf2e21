// Media: how many images, files and recordings a body names, whose cost its bytes do not show.
// Pure. Called by demand.cpp.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::stage {

// Of the words that dialects say for them, in quotes, as keys and as types: "image_url", "source",
// "file", "input_audio". Each time counts.
std::int64_t media_in(std::string_view body) noexcept;

}  // namespace sluice::stage
