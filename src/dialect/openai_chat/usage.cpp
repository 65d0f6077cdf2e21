// Counts are taken in OpenAI's inclusive convention. A part larger than its total can only mean
// that the provider counts it apart; then it is added.
#include "dialect/openai_chat/usage.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>

#include "codec/json_walk.hpp"

namespace sluice::dialect::openai {

namespace {

using codec::JsonKey;
using codec::JsonKind;
using codec::JsonScanner;
using codec::JsonString;

constexpr std::size_t raw_bytes_max = 8 * 1024;
// Beyond any real answer; keeps sums far from overflow whatever a provider writes.
constexpr std::int64_t tokens_max = std::int64_t{1} << 40;

struct Counts {
    std::optional<std::int64_t> prompt, completion, total;
    std::optional<std::int64_t> cached, cache_written, prompt_audio;
    std::optional<std::int64_t> reasoning, completion_audio;
};

using Slot = std::optional<std::int64_t> Counts::*;
enum class Where { top, prompt_details, completion_details };

Slot slot_of(Where where, std::string_view name) noexcept {
    if (where == Where::prompt_details) {
        if (name == "cached_tokens") return &Counts::cached;
        if (name == "cache_write_tokens") return &Counts::cache_written;
        return name == "audio_tokens" ? &Counts::prompt_audio : nullptr;
    }
    if (where == Where::completion_details) {
        if (name == "reasoning_tokens") return &Counts::reasoning;
        return name == "audio_tokens" ? &Counts::completion_audio : nullptr;
    }
    if (name == "prompt_tokens" || name == "input_tokens") return &Counts::prompt;
    if (name == "completion_tokens" || name == "output_tokens") return &Counts::completion;
    if (name == "total_tokens") return &Counts::total;
    if (name == "prompt_cache_hit_tokens" || name == "cached_tokens") return &Counts::cached;
    return name == "reasoning_tokens" ? &Counts::reasoning : nullptr;
}

std::optional<std::int64_t> count_of(std::string_view text) noexcept {
    auto const* const end = text.data() + text.size();
    std::int64_t count = 0;
    auto const digits = std::from_chars(text.data(), end, count);
    if (digits.ec == std::errc{} && digits.ptr == end && count >= 0) {
        return std::min(count, tokens_max);
    }
    double value = 0;
    auto const stop = std::from_chars(text.data(), end, value);
    if (stop.ec != std::errc{} || !(value >= 0)) return std::nullopt;
    return static_cast<std::int64_t>(std::min(value, static_cast<double>(tokens_max)));
}

// Reads the object the scanner stands at, `depth` containers around it. False: it is broken.
bool read_counts(JsonScanner& scan, std::size_t depth, Where where, Counts& counts) {
    if (!scan.enter('{')) return false;
    JsonString raw;
    JsonKey key;
    for (bool first = true; scan.next_key(raw, first);) {
        key.set(raw);
        auto const kind = scan.peek();
        if (kind == JsonKind::object && where == Where::top &&
            (key.name() == "prompt_tokens_details" || key.name() == "completion_tokens_details")) {
            bool const is_prompt = key.name() == "prompt_tokens_details";
            auto const inner = is_prompt ? Where::prompt_details : Where::completion_details;
            if (!read_counts(scan, depth + 1, inner, counts)) return false;
            continue;
        }
        auto const from = scan.offset();
        if (!scan.skip_value(depth + 1)) return false;
        auto const slot = slot_of(where, key.name());
        if (slot == nullptr || kind != JsonKind::number) continue;
        if (auto const count = count_of(scan.since(from))) {
            counts.*slot = count;
        }
    }
    return !scan.failed();
}

void take_over(Counts const& counts, llm::Usage& usage) {
    usage.reported = true;
    usage.output = counts.completion.value_or(
        counts.prompt && counts.total ? std::max<std::int64_t>(0, *counts.total - *counts.prompt)
                                      : 0);
    usage.input =
        counts.prompt.value_or(std::max<std::int64_t>(0, counts.total.value_or(0) - usage.output));
    usage.cache_read = counts.cached.value_or(0);
    usage.cache_write = counts.cache_written.value_or(0);
    usage.audio_input = counts.prompt_audio.value_or(0);
    usage.reasoning = counts.reasoning.value_or(0);
    usage.audio_output = counts.completion_audio.value_or(0);
    if (usage.cache_read > usage.input) usage.input += usage.cache_read;
    if (usage.cache_read + usage.cache_write > usage.input) usage.input += usage.cache_write;
    if (usage.reasoning > usage.output) usage.output += usage.reasoning;
}

void take_over(Counts const& counts, std::string_view object, bool is_walked, llm::Usage& usage) {
    if (!counts.prompt && !counts.completion && !counts.total) return;
    take_over(counts, usage);
    if (object.size() > raw_bytes_max) {
        usage.raw.clear();
    } else if (is_walked) {
        usage.raw.set_walked(object);
    } else {
        usage.raw.set(object);
    }
}

}  // namespace

void read_usage(std::string_view object, llm::Usage& usage) {
    JsonScanner scan(object);
    if (scan.peek() != JsonKind::object) return;
    Counts counts;
    bool const is_walked = read_counts(scan, 0, Where::top, counts) && scan.expect_end();
    take_over(counts, object, is_walked, usage);
}

bool walk_usage(JsonScanner& scan, std::size_t depth, std::size_t bytes_max, llm::Usage& usage) {
    if (scan.peek() != JsonKind::object) return scan.skip_value(depth);
    auto const from = scan.offset();
    Counts counts;
    if (!read_counts(scan, depth, Where::top, counts)) return false;
    auto const object = scan.since(from);
    if (object.size() <= bytes_max && codec::is_valid_utf8(object)) {
        take_over(counts, object, true, usage);
    }
    return true;
}

}  // namespace sluice::dialect::openai
