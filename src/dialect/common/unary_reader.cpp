// What is picked up is captured as raw JSON while it passes, then read whole. A body that is there
// at once is walked by the scanner instead, with the same rules.
#include "dialect/common/unary_reader.hpp"

#include "dialect/common/upstream_error.hpp"

namespace sluice::dialect {

namespace {

using codec::JsonKind;

constexpr std::size_t capture_bytes_max = UnaryShape::value_bytes_max;
constexpr std::size_t name_bytes_max = 256;
constexpr std::size_t tier_bytes_max = 32;

bool is_text_name(std::string_view name) noexcept {
    return name == "content" || name == "reasoning_content" || name == "reasoning" ||
           name == "thinking" || name == "refusal" || name == "text" || name == "name" ||
           name == "arguments";
}

std::string decoded(std::string_view quoted) {
    codec::JsonScanner scan(quoted);
    codec::JsonString text;
    return scan.read_string(text) ? text.decoded() : std::string{};
}

bool says_something(std::string_view value) noexcept {
    return value != "null" && value != "false" && value != "0" && value != "\"\"" &&
           value != "{}" && value != "[]";
}

// As the machine counts: an escape is one byte, \uXXXX two.
std::size_t counted_bytes(codec::JsonString const& text) noexcept {
    auto const inner = text.inner();
    auto bytes = inner.size();
    if (!text.has_escapes) return bytes;
    for (auto at = inner.find('\\'); at != inner.npos; at = inner.find('\\', at + 2)) {
        bytes -= inner[at + 1] == 'u' ? 4 : 1;
    }
    return bytes;
}

}  // namespace

Result<void> UnaryReader::feed(std::string_view bytes, FrameSink& sink) {
    if (bytes.empty()) return {};
    if (is_capturing_) capture_from_ = bytes.data();
    bool const ok = push_.feed(bytes);
    if (!ok && !fault_) fault_ = bad_answer("the body is not valid JSON");
    if (is_capturing_) capture(capture_from_, bytes.data() + bytes.size());
    sink.on_frame({kind(), bytes});
    return {};
}

Result<void> UnaryReader::finish(FrameSink&) {
    if (fault_) return {};
    if (!push_.has_begun()) return bad_answer("the body is empty");
    if (!push_.finish()) return cut_answer();
    if (!root_is_object_) return bad_answer("the body is no JSON object");
    return {};
}

// Nothing is said before the body can be told from an error: then pieces may still be thrown away.
FrameKind UnaryReader::kind() const noexcept {
    if (fault_) return FrameKind::fault;
    if (!push_.has_begun()) return FrameKind::ping;
    return is_settled_ || push_.is_whole() ? FrameKind::content : FrameKind::begin;
}

void UnaryReader::on_key(std::string_view name, std::size_t depth) {
    if (depth == 1) {
        is_counted_ = is_finish_reason_ = false;
        member_ = name == "usage"          ? Member::usage
                  : name == "model"        ? Member::model
                  : name == "service_tier" ? Member::service_tier
                  : name == "error"        ? Member::error
                  : name == shape_.type    ? Member::type
                  : name == shape_.items   ? Member::items
                                           : Member::other;
        if (shape_.finish_depth == 1 && name == shape_.finish) member_ = Member::finish;
        if (member_ != Member::error && member_ != Member::type) is_settled_ = true;
        return;
    }
    if (member_ != Member::items) return;
    is_finish_reason_ =
        depth == shape_.finish_depth && finish_reason_.empty() && name == shape_.finish;
    is_counted_ = is_text_name(name);
}

void UnaryReader::on_begin(JsonKind kind, std::size_t depth, char const* at) {
    if (depth == 0) root_is_object_ = kind == JsonKind::object;
    bool const is_picked = depth == 1 && member_ != Member::other && member_ != Member::items;
    bool const is_reason =
        depth == shape_.finish_depth && depth > 1 && is_finish_reason_ && kind == JsonKind::string;
    if (root_is_object_ && (is_picked || is_reason)) start_capture(depth, at);
}

void UnaryReader::on_end(JsonKind, std::size_t depth, char const* behind) {
    if (!is_capturing_ || depth != capture_depth_) return;
    capture(capture_from_, behind);
    is_capturing_ = false;
    use_capture();
    captured_.clear();
}

void UnaryReader::start_capture(std::size_t depth, char const* at) noexcept {
    is_capturing_ = true;
    overflowed_ = false;
    capture_depth_ = depth;
    capture_from_ = at;
}

void UnaryReader::capture(char const* from, char const* to) {
    auto const bytes = static_cast<std::size_t>(to - from);
    overflowed_ = overflowed_ || captured_.size() + bytes > capture_bytes_max;
    if (!overflowed_) captured_.append(from, bytes);
}

void UnaryReader::use_capture() {
    std::string_view const value = captured_;
    if (is_finish_reason_) {
        take_finish_reason(value, overflowed_);
    } else if (overflowed_ || member_ != Member::usage || codec::is_json(value)) {
        take_member(value, overflowed_);  // of numbers the machine knows only that they are some
    }
}

void UnaryReader::take_finish_reason(std::string_view value, bool overflowed) {
    is_finish_reason_ = false;
    if (!overflowed && value.size() <= name_bytes_max) finish_reason_ = decoded(value);
}

// Precondition: `value` is right JSON; cut when it overflowed.
void UnaryReader::take_member(std::string_view value, bool overflowed) {
    switch (member_) {
        case Member::usage:
            if (!overflowed) {
                codec::JsonScanner scan(value);
                shape_.read_usage(scan, 0, usage_);
            }
            return;
        case Member::model:
            if (!overflowed && value.size() <= name_bytes_max && value.starts_with('"')) {
                model_ = decoded(value);
            }
            return;
        case Member::service_tier:
            if (!overflowed && value.size() <= tier_bytes_max && value.starts_with('"')) {
                usage_.service_tier = decoded(value);
            }
            return;
        case Member::error:
            if (fault_ || !(overflowed || says_something(value))) return;
            fault_ =
                read_fault(overflowed ? std::string{} : "{\"error\":" + std::string{value} + "}");
            return;
        case Member::finish:
            if (value.starts_with('"')) take_finish_reason(value, overflowed);
            return;
        case Member::type:
            if (!fault_ && value == "\"error\"") fault_ = read_fault({});
            return;
        default:
            return;
    }
}

Result<void> UnaryReader::read_whole(std::string_view bytes, FrameSink& sink) {
    if (walk(bytes)) {
        sink.on_frame({fault_ ? FrameKind::fault : FrameKind::content, bytes});
        return {};
    }
    forget();
    return AnswerReader::read_whole(bytes, sink);
}

// What it lets pass the machine lets pass too, and both see the same. False: it is no object, or
// broken, or at least odd (half a surrogate pair, a malformed number).
bool UnaryReader::walk(std::string_view body) {
    codec::JsonScanner scan(body);
    scan.skip_space();
    if (scan.peek() != JsonKind::object || !scan.enter('{')) return false;
    codec::JsonString name;
    for (bool first = true; scan.next_key(name, first);) {
        std::uint8_t seen = 0;
        on_key(name, 1, seen);
        if (member_ == Member::items) {
            if (!scan.walk_value(1, *this)) return false;
            continue;
        }
        if (member_ == Member::usage) {
            if (!shape_.read_usage(scan, 1, usage_)) return false;
            continue;
        }
        auto const from = scan.offset();
        if (!scan.skip_value(1)) return false;
        if (member_ == Member::other) continue;
        auto const value = scan.since(from);
        take_member(value, value.size() > capture_bytes_max);
    }
    return !scan.failed() && scan.expect_end();
}

bool UnaryReader::on_key(codec::JsonString const& text, std::size_t depth, std::uint8_t&) {
    codec::JsonKey key;
    key.set(text);
    bool const is_long = text.inner().size() > codec::JsonPush<UnaryReader>::key_bytes_max;
    on_key(is_long ? std::string_view{} : key.name(), depth);
    return true;
}

void UnaryReader::on_string(codec::JsonString const& text, std::size_t depth) {
    if (is_counted_) content_bytes_ += counted_bytes(text);
    if (depth == shape_.finish_depth && depth > 1 && is_finish_reason_) {
        take_finish_reason(text.quoted, text.quoted.size() > capture_bytes_max);
    }
}

void UnaryReader::forget() noexcept {
    usage_ = {};
    fault_.reset();
    model_.clear();
    finish_reason_.clear();
    content_bytes_ = 0;
    member_ = Member::other;
    is_finish_reason_ = is_counted_ = is_settled_ = false;
}

}  // namespace sluice::dialect
