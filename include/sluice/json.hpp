// JSON as sluice reads and writes it off the hot path: a view of a checked text, and an append-only
// writer. No tree, no copy, no exception. nlohmann serves config and admin; dialects walk their
// bodies in one pass with codec/json_walk instead.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "sluice/result.hpp"

namespace sluice::json {

enum class Kind : std::uint8_t { none, object, array, string, number, true_, false_, null };

// One value inside a text that parse() has checked; the text must outlive it. Looking something up
// scans the value again: cheap for small texts, wrong for big ones in a loop.
class Value {
  public:
    Value() = default;  // none: what an absent member reads as, so look-ups chain

    [[nodiscard]] Kind kind() const noexcept;
    [[nodiscard]] bool exists() const noexcept { return !text_.empty(); }
    [[nodiscard]] bool is_object() const noexcept { return kind() == Kind::object; }
    [[nodiscard]] bool is_array() const noexcept { return kind() == Kind::array; }
    [[nodiscard]] bool is_string() const noexcept { return kind() == Kind::string; }
    [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::null; }
    [[nodiscard]] std::string_view raw() const noexcept { return text_; }

    // The first member of that name; none when absent or when this is no object.
    [[nodiscard]] Value operator[](std::string_view name) const;
    // None past the end or when this is no array.
    [[nodiscard]] Value at(std::size_t index) const;

    // Empty when it is not of that kind. integer: no fraction, no exponent, within 64 bits.
    [[nodiscard]] std::optional<std::string> string() const;
    [[nodiscard]] std::optional<std::int64_t> integer() const noexcept;
    [[nodiscard]] std::optional<double> number() const noexcept;
    [[nodiscard]] std::optional<bool> boolean() const noexcept;

  private:
    friend class Elements;
    friend class Members;
    friend Result<Value> parse(std::string_view text);
    explicit Value(std::string_view text) : text_(text) {}

    std::string_view text_;
};

// while (elements.next(value)) ...; nothing when the value is no array.
class Elements {
  public:
    explicit Elements(Value array) noexcept;
    bool next(Value& element) noexcept;

  private:
    std::string_view text_;
    std::size_t at_ = 0;
    bool first_ = true;
};

// while (members.next(name, value)) ...; names are decoded; nothing when the value is no object.
class Members {
  public:
    explicit Members(Value object) noexcept;
    bool next(std::string& name, Value& value);

  private:
    std::string_view text_;
    std::size_t at_ = 0;
    bool first_ = true;
};

// Checks the whole text: one value, valid UTF-8, at most 128 levels. Error: invalid_json.
Result<Value> parse(std::string_view text);

// Appends `text` as a JSON string with its quotes. Bytes that are no UTF-8 become U+FFFD.
void append_string(std::string& out, std::string_view text);

// Appends; commas come by themselves. Order is the caller's: begin, key, value, end.
class Writer {
  public:
    Writer() = default;
    explicit Writer(std::string out) : out_(std::move(out)) {}  // goes on behind `out`

    Writer& begin_object() { return open('{'); }
    Writer& end_object() { return close('}'); }
    Writer& begin_array() { return open('['); }
    Writer& end_array() { return close(']'); }
    Writer& key(std::string_view name);

    Writer& string(std::string_view text);
    Writer& integer(std::int64_t value);
    Writer& number(double value);  // null when not finite
    Writer& boolean(bool value) { return raw(value ? "true" : "false"); }
    Writer& null() { return raw("null"); }
    Writer& raw(std::string_view json);  // a value as it stands

    // key and value in one
    Writer& member(std::string_view name, std::string_view text) { return key(name).string(text); }
    Writer& member(std::string_view name, char const* text) { return key(name).string(text); }
    Writer& member(std::string_view name, bool value) { return key(name).boolean(value); }
    Writer& member(std::string_view name, double value) { return key(name).number(value); }
    template <class I>
    requires std::is_integral_v<I> Writer& member(std::string_view name, I value) {
        return key(name).integer(static_cast<std::int64_t>(value));
    }

    [[nodiscard]] std::string_view view() const noexcept { return out_; }
    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    Writer& open(char bracket);
    Writer& close(char bracket);
    void separate();

    std::string out_;
    bool needs_comma_ = false;
};

}  // namespace sluice::json
