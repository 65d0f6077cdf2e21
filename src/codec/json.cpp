// The reader and writer of sluice/json.hpp, on the scanner.
#include "sluice/json.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

#include "base/json_text.hpp"
#include "codec/json_walk.hpp"

namespace sluice::json {

namespace {

using codec::JsonScanner;
using codec::JsonString;

}  // namespace

Kind Value::kind() const noexcept { return JsonScanner(text_).peek(); }

Value Value::operator[](std::string_view name) const {
    Members members(*this);
    std::string found;
    Value value;
    while (members.next(found, value)) {
        if (found == name) return value;
    }
    return {};
}

Value Value::at(std::size_t index) const {
    Elements elements(*this);
    Value value;
    while (elements.next(value)) {
        if (index-- == 0) return value;
    }
    return {};
}

std::optional<std::string> Value::string() const {
    JsonScanner scan(text_);
    JsonString text;
    if (!is_string() || !scan.read_string(text)) return std::nullopt;
    return text.decoded();
}

std::optional<std::int64_t> Value::integer() const noexcept {
    std::int64_t value = 0;
    auto const* const end = text_.data() + text_.size();
    auto const [stop, error] = std::from_chars(text_.data(), end, value);
    if (kind() != Kind::number || error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

std::optional<double> Value::number() const noexcept {
    double value = 0;
    auto const* const end = text_.data() + text_.size();
    if (kind() != Kind::number) return std::nullopt;
    auto const [stop, error] = std::from_chars(text_.data(), end, value);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return value;
}

std::optional<bool> Value::boolean() const noexcept {
    auto const what = kind();
    if (what != Kind::true_ && what != Kind::false_) return std::nullopt;
    return what == Kind::true_;
}

Elements::Elements(Value array) noexcept {
    if (array.is_array()) text_ = array.text_.substr(1);
}

bool Elements::next(Value& element) noexcept {
    if (text_.empty()) return false;
    auto const rest = text_.substr(at_);
    JsonScanner scan(rest);
    bool more = scan.next_element(first_);
    auto const from = scan.offset();
    more = more && scan.skip_value(1);
    if (!more) {
        text_ = {};
        return false;
    }
    element = Value(rest.substr(from, scan.offset() - from));
    at_ += scan.offset();
    return true;
}

Members::Members(Value object) noexcept {
    if (object.is_object()) text_ = object.text_.substr(1);
}

bool Members::next(std::string& name, Value& value) {
    if (text_.empty()) return false;
    auto const rest = text_.substr(at_);
    JsonScanner scan(rest);
    JsonString key;
    bool more = scan.next_key(key, first_);
    auto const from = scan.offset();
    more = more && scan.skip_value(1);
    if (!more) {
        text_ = {};
        return false;
    }
    name.clear();
    key.decode_to(name);
    value = Value(rest.substr(from, scan.offset() - from));
    at_ += scan.offset();
    return true;
}

Result<Value> parse(std::string_view text) {
    auto const verdict = codec::check_json(text);
    if (!verdict.ok) {
        return client_error(ErrorCode::invalid_json, 400,
                            "invalid JSON at byte " + std::to_string(verdict.offset) + ": " +
                                std::string{verdict.reason});
    }
    auto const from = text.find_first_not_of(" \t\r\n");
    auto const to = text.find_last_not_of(" \t\r\n");
    return Value(text.substr(from, to - from + 1));
}

void append_string(std::string& out, std::string_view text) { append_json_string(out, text); }

void Writer::separate() {
    if (needs_comma_) out_ += ',';
    needs_comma_ = true;
}

Writer& Writer::open(char bracket) {
    separate();
    out_ += bracket;
    needs_comma_ = false;
    return *this;
}

Writer& Writer::close(char bracket) {
    out_ += bracket;
    needs_comma_ = true;
    return *this;
}

Writer& Writer::key(std::string_view name) {
    separate();
    append_string(out_, name);
    out_ += ':';
    needs_comma_ = false;
    return *this;
}

Writer& Writer::string(std::string_view text) {
    separate();
    append_string(out_, text);
    return *this;
}

Writer& Writer::integer(std::int64_t value) {
    separate();
    std::array<char, 24> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
    return *this;
}

Writer& Writer::number(double value) {
    if (!std::isfinite(value)) return null();
    separate();
    std::array<char, 32> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out_.append(digits.data(), end);
    return *this;
}

Writer& Writer::raw(std::string_view json) {
    separate();
    out_ += json;
    return *this;
}

}  // namespace sluice::json
