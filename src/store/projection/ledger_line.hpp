// One line of the ledger (telemetry's record_json writes it, schema 1 or 2) as the projection needs
// it. Pure. Called by projection and by check/verify.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/llm/usage.hpp"
#include "sluice/money.hpp"
#include "sluice/result.hpp"

#include "store/sums.hpp"

namespace sluice::store {

inline constexpr std::int64_t line_schema_max = 2;

struct LineAttempt {
    std::string provider;
    std::string model;
    std::string outcome;
    std::string price;
    llm::Usage usage;
    bool estimated = false;
    std::optional<PicoUsd> cost;

    [[nodiscard]] bool has_tokens() const noexcept { return usage.input != 0 || usage.output != 0; }
};

struct LedgerLine {
    std::int64_t schema = 0;
    std::string id;
    std::string run;  // "" in lines of schema 1
    std::int64_t worker = 0;
    std::int64_t sequence = 0;
    std::int64_t at_ms = 0;
    std::string org, team, key, user;
    std::string tags = "[]";  // JSON array of texts
    std::string surface, route, error_code;
    std::int64_t status = 0;
    std::int64_t total_us = 0;
    bool client_gone = false;
    std::vector<LineAttempt> attempts;
};

// `line` without its newline. Error: no ledger line; the message says what is wrong with it. A line
// of a schema above line_schema_max is returned with its schema; nothing else of it counts.
Result<LedgerLine> read_ledger_line(std::string_view line);

// The line's rows, one for each attempt and at least one: what each adds to the sums.
std::vector<Sums> to_sums(LedgerLine const& line);

}  // namespace sluice::store
