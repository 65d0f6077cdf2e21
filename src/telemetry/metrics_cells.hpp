// What one worker counts: written by that worker when a request finishes, read by a scrape.
#pragma once

#include "sluice/usage_record.hpp"

#include "telemetry/cells.hpp"
#include "telemetry/label_table.hpp"

namespace sluice::telemetry {

// OpenTelemetry's advice for gen_ai histograms (semantic conventions 1.41), in microseconds.
inline constexpr Bounds<14> duration_bounds = {
    10'000,    20'000,    40'000,    80'000,     160'000,    320'000,    640'000,
    1'280'000, 2'560'000, 5'120'000, 10'240'000, 20'480'000, 40'960'000, 81'920'000};
inline constexpr Bounds<16> first_token_bounds = {
    1'000,   5'000,   10'000,  20'000,    40'000,    60'000,    80'000,    100'000,
    250'000, 500'000, 750'000, 1'000'000, 2'500'000, 5'000'000, 7'500'000, 10'000'000};
inline constexpr Bounds<10> overhead_bounds = {50,    100,   200,    500,    1'000,
                                               2'000, 5'000, 10'000, 50'000, 100'000};
inline constexpr Bounds<12> token_bounds = {1,    4,      16,     64,      256,       1024,
                                            4096, 16'384, 65'536, 262'144, 1'048'576, 4'194'304};

// Between two pieces of a streamed answer: finer at its lower end than the advice.
inline constexpr Bounds<12> chunk_bounds = {1'000,   2'000,   5'000,     10'000,
                                            20'000,  40'000,  80'000,    160'000,
                                            320'000, 640'000, 1'280'000, 2'560'000};

// The status classes of `sluice_requests_total`; the first is for callers gone before a status.
inline constexpr std::size_t status_class_count = 6;

struct RequestRow {  // by surface, route
    std::array<Cell, status_class_count> by_status_class;
    Cell losses;  // parts that another dialect had no place for
    HistogramCells<14> duration{duration_bounds};
    HistogramCells<16> first_token{first_token_bounds};
    Cell retries;    // attempts at a target that had been tried for the same request
    Cell fallbacks;  // attempts at a further target
};

struct AttemptRow {  // by operation, provider, outcome ("" = answered)
    HistogramCells<14> duration{duration_bounds};
};

struct ProviderRow {  // by operation, provider
    HistogramCells<14> first_chunk{duration_bounds};
    HistogramCells<12> per_chunk{chunk_bounds};  // the mean of each answer
    HistogramCells<12> input{token_bounds};
    HistogramCells<12> output{token_bounds};
};

enum TokenKind : std::uint8_t {
    token_input,
    token_cache_read,
    token_cache_write,
    token_audio_input,
    token_output,
    token_reasoning,
    token_audio_output,
    token_kind_count,
};

struct UsageRow {  // by route, provider
    std::array<Cell, token_kind_count> by_kind;
    Cell cost_pico_usd;
    Cell unpriced;   // attempts that used tokens at a price nobody knows
    Cell estimated;  // attempts whose usage the provider did not report
};

enum AuthVerdict : std::uint8_t {
    auth_accepted,
    auth_missing,
    auth_invalid,
    auth_expired,
    auth_disabled,
    auth_throttled,      // not looked at: too many unknown keys from there
    auth_wrong_address,  // known, but not from there
    auth_verdict_count,
};

struct GuardedRow {  // what guardrails looked at
    Cell bodies;
    Cell bytes;
};

struct MetricsCells {
    LabelTable<RequestRow, 2> requests;
    LabelTable<AttemptRow, 3> attempts;
    LabelTable<ProviderRow, 2> providers;
    LabelTable<UsageRow, 2> usage;
    LabelTable<Cell, 2> errors;  // by code, origin
    LabelTable<Cell, 3> guards;  // by guardrail, action, way
    GuardedRow guarded_requests, guarded_answers;
    std::array<Cell, auth_verdict_count> auth;
    HistogramCells<10> overhead{overhead_bounds};
    Cell client_gone;
    Cell lost;  // records that could not be counted: out of memory

    // The worker's own thread.
    void on_finish(UsageRecord const& record) noexcept;
};

}  // namespace sluice::telemetry
