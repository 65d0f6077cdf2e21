// Counts a finished request in its worker's cells. Called by RecordSink on the worker.
#include "telemetry/metrics_cells.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "telemetry/surface.hpp"

namespace sluice::telemetry {
namespace {

std::uint64_t to_us(microseconds time) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(time.count(), 0));
}

std::uint64_t to_count(std::int64_t tokens) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(tokens, 0));
}

std::size_t status_class(std::uint16_t status) {
    auto const hundreds = static_cast<std::size_t>(status / 100);
    return hundreds < status_class_count ? hundreds : 5;
}

void count_auth(MetricsCells& cells, UsageRecord const& record) {
    auto const& code = record.error_code;
    if (code == "missing_api_key") {
        cells.auth[auth_missing].add();
    } else if (code == "invalid_api_key") {
        cells.auth[auth_invalid].add();
    } else if (code == "expired_api_key") {
        cells.auth[auth_expired].add();
    } else if (code == "disabled_api_key") {
        cells.auth[auth_disabled].add();
    } else if (code == "too_many_auth_failures") {
        cells.auth[auth_throttled].add();
    } else if (code == "address_not_allowed") {
        cells.auth[auth_wrong_address].add();
    } else if (!record.key.empty()) {
        cells.auth[auth_accepted].add();
    }
}

void count_usage(MetricsCells& cells, UsageRecord const& record, AttemptRecord const& attempt) {
    auto const& usage = attempt.usage;
    if (usage.input == 0 && usage.output == 0) return;
    auto& row = cells.usage.find({record.route, attempt.provider});
    if (attempt.cost) {
        row.cost_pico_usd.add(to_count(*attempt.cost));
    } else {
        row.unpriced.add();
    }
    if (attempt.estimated) row.estimated.add();
    auto& kinds = row.by_kind;
    kinds[token_input].add(to_count(usage.input));
    kinds[token_cache_read].add(to_count(usage.cache_read));
    kinds[token_cache_write].add(to_count(usage.cache_write));
    kinds[token_audio_input].add(to_count(usage.audio_input));
    kinds[token_output].add(to_count(usage.output));
    kinds[token_reasoning].add(to_count(usage.reasoning));
    kinds[token_audio_output].add(to_count(usage.audio_output));
}

void count_attempt(MetricsCells& cells, UsageRecord const& record, AttemptRecord const& attempt) {
    auto const operation = find_surface(record.surface).operation;
    bool const answered = attempt.outcome == "answered";
    auto const outcome = answered ? std::string_view{} : std::string_view{attempt.outcome};
    cells.attempts.find({operation, attempt.provider, outcome})
        .duration.observe(to_us(attempt.total));
    auto& row = cells.providers.find({operation, attempt.provider});
    if (attempt.first_byte > microseconds{0}) row.first_chunk.observe(to_us(attempt.first_byte));
    // A stream that came in one read says nothing about its pace.
    if (attempt.chunks > 1 && attempt.chunk_time > microseconds{0}) {
        row.per_chunk.observe(to_us(attempt.chunk_time) / (attempt.chunks - 1));
    }
    if (attempt.usage.input > 0) row.input.observe(to_count(attempt.usage.input));
    if (attempt.usage.output > 0) row.output.observe(to_count(attempt.usage.output));
    count_usage(cells, record, attempt);
}

// A route has few targets and attempts_max is small: comparing each with each is cheap.
void count_further_attempts(RequestRow& row, std::vector<AttemptRecord> const& attempts) {
    for (std::size_t i = 1; i < attempts.size(); ++i) {
        if (attempts[i].is_sibling) continue;
        auto const was_tried =
            std::any_of(attempts.begin(), attempts.begin() + static_cast<std::ptrdiff_t>(i),
                        [&](AttemptRecord const& earlier) {
                            return earlier.provider == attempts[i].provider &&
                                   earlier.model == attempts[i].model;
                        });
        (was_tried ? row.retries : row.fallbacks).add();
    }
}

// "name:action:way:matches", as engine/guarding writes it.
void count_guards(MetricsCells& cells, std::vector<std::string> const& guards) {
    for (std::string_view const told : guards) {
        std::array<std::string_view, 4> part;
        std::size_t at = 0;
        for (auto& one : part) {
            auto const end = std::min(told.find(':', at), told.size());
            one = told.substr(std::min(at, told.size()), end - std::min(at, end));
            at = end + 1;
        }
        std::uint64_t matches = 0;
        std::from_chars(part[3].data(), part[3].data() + part[3].size(), matches);
        cells.guards.find({part[0], part[1], part[2]}).add(matches);
    }
}

void count_guarded(GuardedRow& row, std::uint64_t bytes) {
    if (bytes == 0) return;
    row.bodies.add();
    row.bytes.add(bytes);
}

void count_request(MetricsCells& cells, UsageRecord const& record) {
    auto& row = cells.requests.find({record.surface, record.route});
    row.by_status_class[status_class(record.status)].add();
    row.duration.observe(to_us(record.total));
    if (record.first_token > microseconds{0}) row.first_token.observe(to_us(record.first_token));
    if (record.attempts.size() > 1) count_further_attempts(row, record.attempts);
    if (!record.losses.empty()) row.losses.add(record.losses.size());
    cells.overhead.observe(to_us(record.total - record.upstream_wait - record.caller_wait));
    if (record.client_gone) cells.client_gone.add();
    if (!record.error_code.empty()) {
        cells.errors.find({record.error_code, record.error_origin}).add();
    }
    count_guarded(cells.guarded_requests, record.guarded_in);
    count_guarded(cells.guarded_answers, record.guarded_out);
    if (!record.guards.empty()) count_guards(cells, record.guards);
    count_auth(cells, record);
}

}  // namespace

void MetricsCells::on_finish(UsageRecord const& record) noexcept {
    try {
        count_request(*this, record);
        for (auto const& attempt : record.attempts) count_attempt(*this, record, attempt);
    } catch (...) {
        lost.add();
    }
}

}  // namespace sluice::telemetry
