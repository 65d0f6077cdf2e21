// The usage object of the anthropic dialect. Its input excludes what went through the cache; ours
// includes it. Called by the answer readers; calls common/walk.
#pragma once

#include <string>
#include <string_view>

#include "sluice/llm/usage.hpp"

namespace sluice::dialect::anthropic {

// Takes over what `object` (one JSON object) reports; counts it does not name stay. Streams report
// twice: message_start what was read, message_delta what was written so far.
class UsageReader {
  public:
    void take(std::string_view object, llm::Usage& usage);

  private:
    std::int64_t input_ = 0;
    std::int64_t cache_read_ = 0;
    std::int64_t cache_write_ = 0;
    std::int64_t output_ = 0;
    std::int64_t reasoning_ = 0;
};

// {"input_tokens":...}, in this dialect's convention.
void append_usage(std::string& out, llm::Usage const& usage);

}  // namespace sluice::dialect::anthropic
