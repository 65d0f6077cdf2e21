// Token usage, in one convention: totals include their parts (cached in input, reasoning in
// output).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::llm {

// The provider's own usage object, as it came; bounded.
class RawUsage {
  public:
    // Nothing is known of `text`: whoever writes it on checks it first.
    void set(std::string_view text) { set(text, false); }
    // The strict scanner let all of `text` pass as one JSON object. It does not look at UTF-8.
    void set_walked(std::string_view text) { set(text, true); }
    void clear() noexcept {
        text_.clear();
        is_walked_ = false;
    }

    [[nodiscard]] std::string const& text() const noexcept { return text_; }
    [[nodiscard]] bool is_walked() const noexcept { return is_walked_; }

  private:
    void set(std::string_view text, bool is_walked) {
        text_.assign(text);
        is_walked_ = is_walked;
    }

    std::string text_;
    bool is_walked_ = false;
};

struct Usage {
    std::int64_t input = 0;           // everything the model read, cached tokens included
    std::int64_t cache_read = 0;      // of input
    std::int64_t cache_write = 0;     // of input
    std::int64_t cache_write_1h = 0;  // of cache_write: kept for an hour, at a price of its own
    std::int64_t audio_input = 0;     // of input
    std::int64_t output = 0;          // everything the model wrote, reasoning included
    std::int64_t reasoning = 0;       // of output
    std::int64_t audio_output = 0;    // of output
    std::string service_tier;         // as the provider named it in its answer; "" = plain; bounded
    bool reported = false;            // false: the provider said nothing (yet)
    bool is_open = false;             // reported at the start of a stream: output is not known yet
    RawUsage raw;
};

}  // namespace sluice::llm
