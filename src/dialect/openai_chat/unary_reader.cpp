// What is picked up is captured as raw JSON while it passes, then read whole.
#include "dialect/openai_chat/unary_reader.hpp"

#include "dialect/openai_chat/error.hpp"
#include "dialect/openai_chat/usage.hpp"

namespace sluice::dialect::openai {

namespace {

using codec::JsonKind;

constexpr std::size_t capture_bytes_max = 16 * 1024;
constexpr std::size_t name_bytes_max = 256;

bool is_text_name(std::string_view name) noexcept {
    return name == "content" || name == "reasoning_content" || name == "reasoning" ||
           name == "refusal" || name == "text" || name == "name" || name == "arguments";
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
        member_ = name == "usage"     ? Member::usage
                  : name == "model"   ? Member::model
                  : name == "error"   ? Member::error
                  : name == "object"  ? Member::object
                  : name == "choices" ? Member::choices
                                      : Member::other;
        if (member_ != Member::error && member_ != Member::object) is_settled_ = true;
        return;
    }
    if (member_ != Member::choices) return;
    is_finish_reason_ = depth == 3 && finish_reason_.empty() && name == "finish_reason";
    is_counted_ = is_text_name(name);
}

void UnaryReader::on_begin(JsonKind kind, std::size_t depth, char const* at) {
    if (depth == 0) root_is_object_ = kind == JsonKind::object;
    bool const is_picked = depth == 1 && (member_ == Member::usage || member_ == Member::model ||
                                          member_ == Member::error || member_ == Member::object);
    bool const is_reason = depth == 3 && is_finish_reason_ && kind == JsonKind::string;
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
        is_finish_reason_ = false;
        if (!overflowed_ && value.size() <= name_bytes_max) finish_reason_ = decoded(value);
        return;
    }
    switch (member_) {
        case Member::usage:
            if (!overflowed_ && codec::is_json(value)) read_usage(value, usage_);
            return;
        case Member::model:
            if (!overflowed_ && value.size() <= name_bytes_max && value.starts_with('"')) {
                model_ = decoded(value);
            }
            return;
        case Member::error:
            if (fault_ || !(overflowed_ || says_something(value))) return;
            fault_ = read_fault(overflowed_ ? std::string{} : "{\"error\":" + captured_ + "}");
            return;
        case Member::object:
            if (!fault_ && value == "\"error\"") fault_ = read_fault({});
            return;
        default:
            return;
    }
}

}  // namespace sluice::dialect::openai
