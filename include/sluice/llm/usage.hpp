// Token usage, in one convention: totals include their parts (cached in input, reasoning in
// output).
#pragma once

#include <cstdint>
#include <string>

namespace sluice::llm {

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
    std::string raw;                  // the provider's own usage object, as it came; bounded
};

}  // namespace sluice::llm
