#include "dialect/anthropic/usage.hpp"

#include <algorithm>

#include "base/json_text.hpp"
#include "dialect/common/walk.hpp"

namespace sluice::dialect::anthropic {
namespace {

constexpr std::size_t raw_bytes_max = 8 * 1024;
constexpr std::size_t tier_bytes_max = 32;
constexpr std::int64_t tokens_max = std::int64_t{1} << 40;

bool take_count(JsonScanner& scan, std::int64_t& out, bool& any) {
    std::optional<std::int64_t> value;
    if (!take_integer(scan, value)) return false;
    if (value && *value >= 0) {
        out = std::min(*value, tokens_max);
        any = true;
    }
    return true;
}

}  // namespace

void UsageReader::take(std::string_view object, llm::Usage& usage) {
    JsonScanner scan(object);
    if (scan.peek() != JsonKind::object) return;
    bool any = false, ignored = false;
    bool const ok = each_member(scan, [&](std::string_view name) {
        if (name == "input_tokens") return take_count(scan, input_, any);
        if (name == "cache_read_input_tokens") return take_count(scan, cache_read_, ignored);
        if (name == "cache_creation_input_tokens") return take_count(scan, cache_write_, ignored);
        if (name == "output_tokens") return take_count(scan, output_, any);
        if (name == "output_tokens_details" && scan.peek() == JsonKind::object) {
            return each_member(scan, [&](std::string_view inner) {
                if (inner == "thinking_tokens") return take_count(scan, reasoning_, ignored);
                return scan.skip_value(0);
            });
        }
        if (name == "cache_creation" && scan.peek() == JsonKind::object) {
            return each_member(scan, [&](std::string_view inner) {
                if (inner == "ephemeral_1h_input_tokens") {
                    return take_count(scan, usage.cache_write_1h, ignored);
                }
                return scan.skip_value(0);
            });
        }
        if (name == "service_tier") {
            llm::Text tier;
            if (!take_text(scan, tier)) return false;
            if (tier.inner().size() <= tier_bytes_max) usage.service_tier = tier.inner();
            return true;
        }
        return scan.skip_value(0);
    });
    if (!ok || !any) return;
    usage.reported = true;
    usage.input = std::min(input_ + cache_read_ + cache_write_, tokens_max);
    // More thoughts than there is output can only be counted apart.
    usage.output = output_ + (reasoning_ > output_ ? reasoning_ : 0);
    usage.reasoning = reasoning_;
    usage.cache_read = cache_read_;
    usage.cache_write = cache_write_;
    usage.cache_write_1h = std::min(usage.cache_write_1h, cache_write_);
    if (object.size() > raw_bytes_max) return;
    if (scan.expect_end()) {
        usage.raw.set_walked(object);
    } else {
        usage.raw.set(object);
    }
}

void append_usage(std::string& out, llm::Usage const& usage) {
    auto const plain =
        std::max<std::int64_t>(0, usage.input - usage.cache_read - usage.cache_write);
    out += "{\"input_tokens\":";
    append_number(out, plain);
    out += ",\"cache_creation_input_tokens\":";
    append_number(out, usage.cache_write);
    out += ",\"cache_read_input_tokens\":";
    append_number(out, usage.cache_read);
    out += ",\"output_tokens\":";
    append_number(out, usage.output);
    if (usage.reasoning > 0) {
        out += ",\"output_tokens_details\":{\"thinking_tokens\":";
        append_number(out, usage.reasoning);
        out += '}';
    }
    auto const& tier = usage.service_tier;
    if (tier == "default" || tier == "standard") {
        out += ",\"service_tier\":\"standard\"";
    } else if (tier == "priority" || tier == "batch") {
        out.append(",\"service_tier\":\"").append(tier).append("\"");
    }
    out += '}';
}

}  // namespace sluice::dialect::anthropic
