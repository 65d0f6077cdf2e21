// JSON fed in pieces of any size, in constant memory: what stands where, while the bytes pass by.
//
// Called by the dialects' unary readers; calls nothing. It checks structure, strings and escapes,
// literals and nesting; of numbers only that they consist of number bytes, so that vectors of
// embeddings are skipped at the speed of a search. Whether text is UTF-8 is not looked at: the
// bytes go on to the caller as they came.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "codec/json_bytes.hpp"
#include "codec/json_run.hpp"
#include "codec/json_walk.hpp"

namespace sluice::codec {

// Events is any type with
//   void on_key(std::string_view name, std::size_t depth)        containers around the value: depth
//   void on_begin(JsonKind kind, std::size_t depth, char const* at)
//   void on_end(JsonKind kind, std::size_t depth, char const* behind)
//   void on_text(std::size_t raw_bytes)                          of a string value, without escapes
// Pointers are into the piece being fed. Names longer than key_bytes_max arrive as "".
template <class Events>
class JsonPush {
  public:
    static constexpr std::size_t depth_max = 128;
    static constexpr std::size_t key_bytes_max = 64;

    explicit JsonPush(Events& events) noexcept : events_(events) {}

    // False, for good, once the text is broken.
    bool feed(std::string_view piece);
    // The text has ended: a bare number at the top ends with it. True when it was whole.
    bool finish() noexcept;
    [[nodiscard]] bool has_begun() const noexcept { return state_ != State::value || depth_ > 0; }
    [[nodiscard]] bool is_whole() const noexcept { return state_ == State::after && depth_ == 0; }
    [[nodiscard]] bool has_failed() const noexcept { return state_ == State::failed; }

  private:
    enum class State : std::uint8_t {
        value,        // a value must come
        first_value,  // or the end of the array
        first_key,    // a key or the end of the object
        key,          // a key must come
        colon,
        after,  // behind a value
        text,
        escape,
        hex,
        number,
        literal,
        failed,
    };

    char const* step(char const* at, char const* end);
    char const* begin_key(char const* at, char const* end);
    char const* begin_value(char const* at);
    char const* close(char const* at);
    char const* in_text(char const* at, char const* end);
    char const* in_number(char const* at, char const* end);
    char const* in_numbers(char const* at, char const* end);
    char const* in_literal(char const* at, char const* end);
    char const* behind_value(char const* at);
    void end_text(char const* behind);
    void end_value(JsonKind kind, char const* behind);
    void keep_key(char const* from, char const* to) noexcept;
    char const* fail(char const* at) noexcept {
        state_ = State::failed;
        return at;
    }
    [[nodiscard]] bool in_object() const noexcept { return is_object_[depth_ - 1]; }

    Events& events_;
    std::array<bool, depth_max> is_object_{};
    std::array<char, key_bytes_max + 2> key_{};  // with quotes, as scanned
    std::string_view literal_;                   // what of it must still come
    std::size_t depth_ = 0;
    std::uint8_t key_bytes_ = 0;
    std::uint8_t hex_left_ = 0;
    JsonKind scalar_ = JsonKind::none;
    bool is_key_ = false;
    bool comma_is_open_ = false;  // the run of numbers so far ends in a comma
    bool key_is_long_ = false;
    bool key_has_escapes_ = false;
    State state_ = State::value;
};

template <class Events>
bool JsonPush<Events>::feed(std::string_view piece) {
    auto const* at = piece.data();
    auto const* const end = at + piece.size();
    while (at < end && state_ != State::failed) at = step(at, end);
    return state_ != State::failed;
}

template <class Events>
bool JsonPush<Events>::finish() noexcept {
    if (state_ == State::number && depth_ == 0) state_ = State::after;
    return is_whole();
}

template <class Events>
char const* JsonPush<Events>::step(char const* at, char const* end) {
    switch (state_) {
        case State::text:
            return in_text(at, end);
        case State::escape:
            if (is_key_) keep_key(at, at + 1);
            if (*at == 'u') {
                hex_left_ = 4;
                state_ = State::hex;
                return at + 1;
            }
            state_ = State::text;
            if (!is_key_) events_.on_text(1);
            return json_bytes::is_short_escape(*at) ? at + 1 : fail(at);
        case State::hex:
            if (json_bytes::hex_digit(*at) < 0) return fail(at);
            if (is_key_) keep_key(at, at + 1);
            if (--hex_left_ == 0) {
                state_ = State::text;
                if (!is_key_) events_.on_text(2);  // between one and three bytes of UTF-8
            }
            return at + 1;
        case State::number: {
            bool const in_array = depth_ > 0 && !in_object();
            return in_array ? in_numbers(at, end) : in_number(at, end);
        }
        case State::literal:
            return in_literal(at, end);
        default:
            break;
    }
    if (json_bytes::is_space(*at)) return at + 1;
    switch (state_) {
        case State::first_value:
            return *at == ']' ? close(at) : begin_value(at);
        case State::value:
            return begin_value(at);
        case State::first_key:
            if (*at == '}') return close(at);
            [[fallthrough]];
        case State::key:
            return *at == '"' ? begin_key(at, end) : fail(at);
        case State::colon:
            if (*at != ':') return fail(at);
            state_ = State::value;
            return at + 1;
        default:
            return behind_value(at);
    }
}

template <class Events>
char const* JsonPush<Events>::begin_key(char const* at, char const* end) {
    auto const* const name = at + 1;
    auto const* const stop = json_bytes::find_special(name, end);
    if (stop != end && *stop == '"') {  // most names: whole and plain, read where they stand
        auto const size = static_cast<std::size_t>(stop - name);
        state_ = State::colon;
        events_.on_key(size <= key_bytes_max ? std::string_view{name, size} : std::string_view{},
                       depth_);
        return stop + 1;
    }
    is_key_ = true;
    key_is_long_ = key_has_escapes_ = false;
    key_bytes_ = 0;
    keep_key(at, name);
    state_ = State::text;
    return name;
}

template <class Events>
char const* JsonPush<Events>::behind_value(char const* at) {
    if (depth_ == 0) return fail(at);
    if (*at == ',') {
        state_ = in_object() ? State::key : State::value;
        return at + 1;
    }
    return *at == (in_object() ? '}' : ']') ? close(at) : fail(at);
}

template <class Events>
char const* JsonPush<Events>::begin_value(char const* at) {
    switch (*at) {
        case '{':
        case '[':
            if (depth_ == depth_max) return fail(at);
            events_.on_begin(*at == '{' ? JsonKind::object : JsonKind::array, depth_, at);
            is_object_[depth_++] = *at == '{';
            state_ = *at == '{' ? State::first_key : State::first_value;
            return at + 1;
        case '"':
            events_.on_begin(JsonKind::string, depth_, at);
            is_key_ = false;
            state_ = State::text;
            return at + 1;
        case 't':
            literal_ = "true";
            scalar_ = JsonKind::true_;
            break;
        case 'f':
            literal_ = "false";
            scalar_ = JsonKind::false_;
            break;
        case 'n':
            literal_ = "null";
            scalar_ = JsonKind::null;
            break;
        default:
            if (*at != '-' && !json_bytes::is_digit(*at)) return fail(at);
            events_.on_begin(JsonKind::number, depth_, at);
            state_ = State::number;
            return at;
    }
    events_.on_begin(scalar_, depth_, at);
    state_ = State::literal;
    return at;
}

template <class Events>
char const* JsonPush<Events>::close(char const* at) {
    --depth_;
    end_value(is_object_[depth_] ? JsonKind::object : JsonKind::array, at + 1);
    return at + 1;
}

template <class Events>
char const* JsonPush<Events>::in_text(char const* at, char const* end) {
    auto const* stop = json_bytes::find_special(at, end);
    if (is_key_) {
        keep_key(at, stop);
    } else {
        auto bytes = static_cast<std::size_t>(stop - at);
        // Escapes that are whole and short are read here, each as one byte.
        while (end - stop >= 2 && *stop == '\\' && json_bytes::is_short_escape(stop[1])) {
            auto const* rest = stop + 2;
            ++bytes;
            if (end - rest >= json_bytes::long_text_bytes) {
                auto const run = json_bytes::skip_run(rest, end);
                bytes += static_cast<std::size_t>(run.end - rest) - run.escapes;
                rest = run.end;
            }
            stop = json_bytes::find_special(rest, end);
            bytes += static_cast<std::size_t>(stop - rest);
        }
        if (bytes > 0) events_.on_text(bytes);
    }
    if (stop == end) return end;
    if (*stop == '\\') {
        if (is_key_) {
            keep_key(stop, stop + 1);
            key_has_escapes_ = true;
        }
        state_ = State::escape;
        return stop + 1;
    }
    if (*stop != '"') return fail(stop);
    end_text(stop + 1);
    return stop + 1;
}

template <class Events>
void JsonPush<Events>::end_text(char const* behind) {
    if (!is_key_) {
        end_value(JsonKind::string, behind);
        return;
    }
    keep_key(behind - 1, behind);
    state_ = State::colon;
    JsonString raw{{key_.data(), key_bytes_}, key_has_escapes_};
    JsonKey key;
    // A broken surrogate escape cannot be decoded; such a name is none that is looked for.
    JsonString checked;
    bool const is_plain = !key_is_long_ && JsonScanner(raw.quoted).read_string(checked);
    if (is_plain) key.set(raw);
    events_.on_key(is_plain ? key.name() : std::string_view{}, depth_);
}

template <class Events>
char const* JsonPush<Events>::in_number(char const* at, char const* end) {
    while (at < end && json_bytes::is_number_byte(*at)) ++at;
    if (at != end) end_value(JsonKind::number, at);
    return at;
}

// A run of numbers in an array, its commas and white space included, reads as one value.
template <class Events>
char const* JsonPush<Events>::in_numbers(char const* at, char const* end) {
    auto const* const stop = json_bytes::skip_numbers(at, end);
    auto const* last = stop;
    while (last > at && json_bytes::is_space(last[-1])) --last;
    if (last > at) comma_is_open_ = last[-1] == ',';
    if (stop == end) return stop;
    end_value(JsonKind::number, stop);
    if (comma_is_open_) state_ = State::value;
    return stop;
}

template <class Events>
char const* JsonPush<Events>::in_literal(char const* at, char const* end) {
    while (at < end && !literal_.empty()) {
        if (*at != literal_.front()) return fail(at);
        literal_.remove_prefix(1);
        ++at;
    }
    if (literal_.empty()) end_value(scalar_, at);
    return at;
}

template <class Events>
void JsonPush<Events>::end_value(JsonKind kind, char const* behind) {
    state_ = State::after;
    events_.on_end(kind, depth_, behind);
}

template <class Events>
void JsonPush<Events>::keep_key(char const* from, char const* to) noexcept {
    for (; from < to; ++from) {
        if (key_bytes_ == key_.size()) {
            key_is_long_ = true;
            return;
        }
        key_[key_bytes_++] = *from;
    }
}

}  // namespace sluice::codec
