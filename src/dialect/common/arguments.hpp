// What a model wrote as the arguments of a tool call. Called by the dialects' readers and by
// collect; calls codec/json_walk. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "sluice/llm/text.hpp"

namespace sluice::dialect {

// The arguments as a JSON object. Nothing but white space is an empty one; what is no object (cut
// by its length, nested too deeply, a member twice that may stand once) is kept as the one text in
// it.
std::string arguments_object(std::string text);

// Follows the fragments of a call's arguments to tell whether their object is whole.
class ArgumentsEnd {
  public:
    void feed(llm::Text fragment) noexcept;
    [[nodiscard]] bool is_whole() const noexcept { return is_whole_; }

  private:
    void take(char c) noexcept;

    std::uint32_t depth_ = 0;
    bool in_string_ = false;
    bool is_escaped_ = false;
    bool is_whole_ = false;
};

}  // namespace sluice::dialect
