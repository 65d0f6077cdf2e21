// A UsageRecord as one line of JSON: the ledger's format, schema 2. docs/reference names its
// fields. Called by the ledger's threads; pure.
#pragma once

#include <string>

#include "sluice/usage_record.hpp"

namespace sluice::telemetry {

// Sums over the attempts; `reported` when every attempt with tokens reported them.
llm::Usage total_usage(UsageRecord const& record);

// The sum over the attempts; nullopt when one that used tokens has no known price.
std::optional<PicoUsd> total_cost(UsageRecord const& record);

// Appends the record and a newline. `run`: of the process's start, as sequence numbers begin anew.
// Texts are cut at 512 bytes; a provider's raw usage object stands in `raw_usage` when it is valid
// JSON of at most 4 KiB, else the member is missing.
void append_record_line(std::string& out, UsageRecord const& record, Ulid const& run);

}  // namespace sluice::telemetry
