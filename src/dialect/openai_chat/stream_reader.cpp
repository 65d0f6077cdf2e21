// One scan per event; what is not looked for is skipped but checked. Liberal where the look-alikes
// differ: a missing [DONE] after a finish reason, usage anywhere, roles repeated, null everywhere.
#include "dialect/openai_chat/stream_reader.hpp"

#include "dialect/openai_chat/error.hpp"
#include "dialect/openai_chat/usage.hpp"

namespace sluice::dialect::openai {

namespace {

using codec::JsonKey;
using codec::JsonKind;
using codec::JsonScanner;
using codec::JsonString;

constexpr std::size_t name_bytes_max = 256;
constexpr std::size_t lead_bytes_max = 512;
constexpr std::size_t tier_bytes_max = 32;
constexpr std::string_view end_mark = "[DONE]";

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && codec::json_bytes::is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && codec::json_bytes::is_space(text.back())) text.remove_suffix(1);
    return text;
}

// null, false, 0, "", {} and [] say nothing, as in the SDKs.
bool says_something(std::string_view value) noexcept {
    if (value == "null" || value == "false" || value == "0" || value == "\"\"") return false;
    bool const is_container = value.front() == '{' || value.front() == '[';
    return !is_container || !trimmed(value.substr(1, value.size() - 2)).empty();
}

// Measurements that ride along with usage; nobody misses them when the chunk is stripped.
bool is_measurement(std::string_view name) noexcept {
    return name == "timings" || name == "time_info" || name == "perf_metrics" ||
           name == "prompt_filter_results";
}

// Takes the value and returns its text; empty when broken.
std::string_view take_value(JsonScanner& scan, std::size_t depth) {
    auto const from = scan.offset();
    return scan.skip_value(depth) ? scan.since(from) : std::string_view{};
}

}  // namespace

Result<void> StreamReader::feed(std::string_view bytes, FrameSink& sink) {
    bool const fits = framer_.feed(bytes, [&](codec::SseFrame const& frame) {
        sink.on_frame({classify(frame), frame.raw});
    });
    if (fits) return {};
    return upstream_error(ErrorCode::response_too_large, Retry::next, 502,
                          "one event of the provider's stream is too large");
}

Result<void> StreamReader::finish(FrameSink& sink) {
    codec::SseFrame frame;
    bool ended = false;
    bool const has_tail = framer_.finish(frame, ended);
    if (has_tail && frame.has_data) {
        auto const data = trimmed(frame.data);
        if (ended || data == end_mark || codec::is_json(data)) {
            sink.on_frame({classify(frame), frame.raw});
        }
    } else if (has_tail && ended) {
        sink.on_frame({FrameKind::ping, frame.raw});
    }
    if (fault_ || done_ || !finish_reason_.empty()) return {};
    if (!had_data_ && has_tail) return bad_answer("no event stream");
    return cut_answer();
}

FrameKind StreamReader::classify(codec::SseFrame const& frame) {
    auto const data = trimmed(frame.data);
    if (data.empty()) return FrameKind::ping;
    had_data_ = true;
    if (data == end_mark) {
        done_ = true;
        return FrameKind::done;
    }
    if (frame.event == "error") return fail(read_fault(data));
    JsonScanner scan(data);
    Chunk chunk;
    if (scan.peek() != JsonKind::object) return fail(bad_answer("an event that is no JSON object"));
    if (!read_chunk(data, scan, chunk) || !scan.expect_end()) {
        return fail(bad_answer("an event that is no JSON"));
    }
    if (chunk.is_error) return fail(read_fault(data));
    return kind_of(chunk);
}

FrameKind StreamReader::kind_of(Chunk const& chunk) {
    if (chunk.speaks) {
        spoke_ = true;
        return FrameKind::content;
    }
    if (chunk.has_usage && !chunk.has_choices && !chunk.has_more) return FrameKind::usage;
    return spoke_ ? FrameKind::content : FrameKind::begin;
}

// The first fault is the one that is told.
FrameKind StreamReader::fail(Error error) {
    if (!fault_) fault_ = std::move(error);
    return FrameKind::fault;
}

// The members before `choices` are the same in most chunks of a stream. As long as they are scalars
// that say nothing new, the same bytes read the same: they need not be walked again.
bool StreamReader::read_chunk(std::string_view data, JsonScanner& scan, Chunk& chunk) {
    bool first = true;
    bool is_lead = true;  // only scalars so far
    if (!lead_.empty() && data.starts_with(lead_)) {
        first = is_lead = false;
        scan.resume_at(lead_.size() - 1);
        if (!read_choices(scan, chunk)) return false;
    } else if (!scan.enter('{')) {
        return false;
    }
    JsonString raw;
    JsonKey key;
    while (scan.next_key(raw, first)) {
        key.set(raw);
        auto const kind = scan.peek();
        if (is_lead && (kind == JsonKind::object || kind == JsonKind::array)) {
            is_lead = false;
            bool const is_kept = key.name() == "choices" && kind == JsonKind::array &&
                                 !chunk.is_error && scan.offset() <= lead_bytes_max;
            if (is_kept) lead_.assign(data.substr(0, scan.offset() + 1));
        }
        if (!read_member(scan, key.name(), chunk)) return false;
    }
    return !scan.failed();
}

bool StreamReader::read_member(JsonScanner& scan, std::string_view name, Chunk& chunk) {
    // The length first: most members of a chunk are none of these.
    switch (name.size()) {
        case 5:
            if (name == "usage") return read_usage_value(scan, 1, chunk);
            if (name == "error") return read_error_value(scan, 1, chunk);
            if (name == "model" && scan.peek() == JsonKind::string) return read_model(scan);
            break;
        case 6:
            if (name == "x_groq" && scan.peek() == JsonKind::object) return read_groq(scan, chunk);
            break;
        case 7:
            if (name == "choices" && scan.peek() == JsonKind::array) {
                return read_choices(scan, chunk);
            }
            break;
        case 12:
            if (name == "service_tier" && scan.peek() == JsonKind::string) return read_tier(scan);
            break;
        default:
            break;
    }
    auto const kind = scan.peek();
    auto const value = take_value(scan, 1);
    if (value.empty()) return false;
    if (name == "object" && value == "\"error\"") chunk.is_error = true;
    bool const is_container = kind == JsonKind::object || kind == JsonKind::array;
    if (is_container && says_something(value) && !is_measurement(name)) chunk.has_more = true;
    return true;
}

bool StreamReader::read_model(JsonScanner& scan) {
    JsonString value;
    if (!scan.read_string(value)) return false;
    if (model_.empty() && value.inner().size() <= name_bytes_max) value.decode_to(model_);
    return true;
}

bool StreamReader::read_tier(JsonScanner& scan) {
    JsonString value;
    if (!scan.read_string(value)) return false;
    if (value.inner().size() <= tier_bytes_max) usage_.service_tier = value.decoded();
    return true;
}

bool StreamReader::read_choices(JsonScanner& scan, Chunk& chunk) {
    if (!scan.enter('[')) return false;
    for (bool first = true; scan.next_element(first);) {
        chunk.has_choices = true;
        bool const ok =
            scan.peek() == JsonKind::object ? read_choice(scan, chunk) : scan.skip_value(2);
        if (!ok) return false;
    }
    return !scan.failed();
}

bool StreamReader::read_choice(JsonScanner& scan, Chunk& chunk) {
    if (!scan.enter('{')) return false;
    JsonString raw;
    JsonKey key;
    for (bool first = true; scan.next_key(raw, first);) {
        key.set(raw);
        auto const name = key.name();
        auto const kind = scan.peek();
        bool ok = true;
        if (name == "delta" && kind == JsonKind::object) {
            ok = read_delta(scan, chunk, 4);
        } else if (name == "text") {
            ok = read_text(scan, chunk, 3);
        } else if (name == "finish_reason" && kind == JsonKind::string) {
            JsonString value;
            ok = scan.read_string(value);
            if (ok && !value.inner().empty()) {
                chunk.speaks = true;
                if (finish_reason_.empty() && value.inner().size() <= name_bytes_max) {
                    value.decode_to(finish_reason_);
                }
            }
        } else {
            ok = scan.skip_value(3);
        }
        if (!ok) return false;
    }
    return !scan.failed();
}

// A delta speaks when it holds anything but a role. Its texts are counted, wherever they stand:
// content (a string or parts), reasoning, refusal, the names and arguments of calls.
bool StreamReader::read_delta(JsonScanner& scan, Chunk& chunk, std::size_t depth) {
    if (depth > JsonScanner::depth_max) return scan.fail("values are nested too deeply");
    if (!scan.enter('{')) return false;
    JsonString raw;
    JsonKey key;
    for (bool first = true; scan.next_key(raw, first);) {
        key.set(raw);
        auto const name = key.name();
        bool ok = true;
        if (name == "content" || name == "reasoning_content" || name == "reasoning" ||
            name == "refusal" || name == "tool_calls" || name == "function_call" ||
            name == "function" || name == "arguments" || name == "name" || name == "text" ||
            name == "thinking") {
            ok = read_text(scan, chunk, depth);
        } else if (name == "role" || name == "type" || name == "index" || name == "id") {
            ok = scan.skip_value(depth);
        } else {
            auto const value = take_value(scan, depth);
            ok = !value.empty();
            // Audio, images, annotations: structures that the dialect does not name.
            bool const is_container = ok && (value.front() == '{' || value.front() == '[');
            if (is_container && says_something(value)) chunk.speaks = true;
        }
        if (!ok) return false;
    }
    return !scan.failed();
}

bool StreamReader::read_text(JsonScanner& scan, Chunk& chunk, std::size_t depth) {
    switch (scan.peek()) {
        case JsonKind::string: {
            JsonString value;
            if (!scan.read_string(value)) return false;
            auto const bytes = value.decoded_bytes();
            content_bytes_ += bytes;
            chunk.speaks = chunk.speaks || bytes > 0;
            return true;
        }
        case JsonKind::object:
            return read_delta(scan, chunk, depth + 1);
        case JsonKind::array: {
            if (depth + 1 > JsonScanner::depth_max)
                return scan.fail("values are nested too deeply");
            if (!scan.enter('[')) return false;
            for (bool first = true; scan.next_element(first);) {
                if (!read_text(scan, chunk, depth + 1)) return false;
            }
            return !scan.failed();
        }
        default:
            return scan.skip_value(depth);
    }
}

bool StreamReader::read_groq(JsonScanner& scan, Chunk& chunk) {
    if (!scan.enter('{')) return false;
    JsonString raw;
    JsonKey key;
    for (bool first = true; scan.next_key(raw, first);) {
        key.set(raw);
        bool ok = true;
        if (key.name() == "usage") {
            // Rides in the finishing chunk too; by itself it makes no usage frame.
            Chunk ignored;
            ok = read_usage_value(scan, 2, ignored);
        } else if (key.name() == "error") {
            ok = read_error_value(scan, 2, chunk);
        } else {
            ok = scan.skip_value(2);
        }
        if (!ok) return false;
    }
    return !scan.failed();
}

bool StreamReader::read_usage_value(JsonScanner& scan, std::size_t depth, Chunk& chunk) {
    auto const value = take_value(scan, depth);
    if (value.empty()) return false;
    if (value.front() == '{') {
        read_usage(value, usage_);
        chunk.has_usage = true;
    }
    return true;
}

bool StreamReader::read_error_value(JsonScanner& scan, std::size_t depth, Chunk& chunk) {
    auto const value = take_value(scan, depth);
    if (value.empty()) return false;
    if (says_something(value)) chunk.is_error = true;
    return true;
}

}  // namespace sluice::dialect::openai
