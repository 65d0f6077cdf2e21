// What models cost, as configuration says it: the lists of config/models/*.yaml, built into the
// program, and the operator's own `prices`. Amounts are pico-USD per token (see sluice/money.hpp):
// one USD per million tokens is a million of them. Read by load.cpp; used by provider/prices.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/place.hpp"

namespace sluice::config {

struct TokenPrice {  // pico-USD per token; nullopt: not known
    std::optional<std::int64_t> input;
    std::optional<std::int64_t> cache_read;      // nullopt: as input
    std::optional<std::int64_t> cache_write;     // nullopt: as input
    std::optional<std::int64_t> cache_write_1h;  // written to be kept for an hour
    std::optional<std::int64_t> audio_input;
    std::optional<std::int64_t> output;
    std::optional<std::int64_t> audio_output;
};

// Holds for the whole request when its input is above so many tokens.
struct LongPrompt : TokenPrice {
    std::int64_t above = 0;
};

// What is peculiar to a model, for the request writers.
struct ModelTraits {
    std::int64_t output_max = 0;  // tokens; 0: not known
    bool sampling = true;         // takes temperature, top_p, top_k
    bool prefill = true;          // takes an assistant's turn at the end
    bool schema = true;           // structured output by JSON schema
    enum class Thinking { none, budget, effort } thinking = Thinking::effort;
};

struct ModelPrice : TokenPrice {
    std::string name;                // a model's name or glob; in `prices`: provider/name
    std::vector<std::string> names;  // others it goes by
    std::optional<LongPrompt> long_prompt;
    ModelTraits traits;                               // of price lists only
    std::map<std::string, TokenPrice> service_tiers;  // by the tier's name in the answer
    Place place;
};

struct PriceList {
    std::string name;   // the file's name without .yaml
    std::string as_of;  // the date its figures are of
    std::vector<ModelPrice> models;
};

// (file name, text), made by embed.cmake from config/models/.
std::vector<std::pair<std::string_view, std::string_view>> const& embedded_price_files();

// The built-in lists, then those of `directory` ("" = none), which replace by name.
std::vector<PriceList> read_price_lists(std::string const& directory,
                                        std::vector<Problem>& problems);

}  // namespace sluice::config
