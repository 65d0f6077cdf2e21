// JSON by one strict pass over the bytes (RFC 8259): a scanner that validates what it skips.
//
// Called by dialects (requests, answers) and by json.cpp; calls simdjson for UTF-8 only. simdjson's
// on-demand reader leaves unvisited values unchecked, and two parsers that disagree about a body
// are how allow-lists are bypassed; so every value is walked, keys are compared after unescaping,
// and offsets come for free. Pure; no allocation; never reads behind the end of the text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "sluice/json.hpp"

#include "codec/json_bytes.hpp"

namespace sluice::codec {

bool is_valid_utf8(std::string_view text) noexcept;

using JsonKind = json::Kind;

// A string as it stands in the text, quotes included.
struct JsonString {
    std::string_view quoted;
    bool has_escapes = false;

    [[nodiscard]] std::string_view inner() const noexcept {
        return quoted.substr(1, quoted.size() - 2);
    }
    // How long the decoded text is, in bytes. Precondition: scanned.
    [[nodiscard]] std::size_t decoded_bytes() const noexcept;
    // The decoded text; appends to `out`. Precondition: scanned, so its escapes are right.
    void decode_to(std::string& out) const;
    [[nodiscard]] std::string decoded() const {
        std::string out;
        decode_to(out);
        return out;
    }
};

// The name of a member, decoded when that takes at most `max` bytes; a longer escaped name is no
// name that is looked for and reads as it stands.
class JsonKey {
  public:
    static constexpr std::size_t max = 64;

    void set(JsonString const& text) noexcept {
        if (!text.has_escapes) {
            name_ = text.inner();
        } else {
            decode(text);
        }
    }
    [[nodiscard]] std::string_view name() const noexcept { return name_; }

  private:
    void decode(JsonString const& text) noexcept;

    std::string_view name_;
    std::array<char, max> decoded_;
};

// Says for a name which of up to seven bits it has, 0 for none: members that must stand only once
// in an object.
struct NoOnceMembers {
    static constexpr std::uint8_t bit(std::string_view) noexcept { return 0; }
};

class JsonScanner {
  public:
    static constexpr std::size_t depth_max = 128;

    explicit JsonScanner(std::string_view text) noexcept
        : begin_(text.data()), at_(text.data()), end_(text.data() + text.size()) {}

    [[nodiscard]] std::size_t offset() const noexcept {
        return static_cast<std::size_t>(at_ - begin_);
    }
    // The text between `from` and here.
    [[nodiscard]] std::string_view since(std::size_t from) const noexcept {
        return {begin_ + from, offset() - from};
    }
    // Goes to `offset`: the text before it was scanned by another scanner, byte for byte the same.
    void resume_at(std::size_t offset) noexcept { at_ = begin_ + offset; }
    // "" while all is well. Static text: "a string is not closed".
    [[nodiscard]] std::string_view reason() const noexcept { return reason_; }
    [[nodiscard]] bool failed() const noexcept { return !reason_.empty(); }
    // The name that stands twice, when that is the reason.
    [[nodiscard]] std::string_view twice() const noexcept { return twice_; }

    void skip_space() noexcept {
        while (at_ < end_ && json_bytes::is_space(*at_)) ++at_;
    }
    // What kind of value comes next, judged by its first byte. none: nothing that begins a value.
    [[nodiscard]] JsonKind peek() const noexcept;

    // Each takes one thing and says whether it was right; the position is then behind it.
    bool read_string(JsonString& out) noexcept;
    bool skip_number() noexcept;
    // The whole value: containers to any depth within the limit. `depth` = containers around it.
    template <class Once = NoOnceMembers>
    bool skip_value(std::size_t depth, Once const& once = {}) noexcept;
    // The same, of a text that a scanner or a reader has let pass before: only where it ends is
    // looked for.
    bool skip_known_value() noexcept;
    // As skip_value, and tells a visitor what passes; `depth` = containers around the string or
    // member:
    //   void on_string(JsonString const&, std::size_t depth)        values only
    //   bool on_key(JsonString const&, std::size_t depth, std::uint8_t& seen)
    // `seen`: seven bits kept per object for the visitor. False ends the walk.
    template <class Visitor>
    bool walk_value(std::size_t depth, Visitor&& visitor);

    // if (s.enter('{')) for (bool first = true; s.next_key(key, first);) { take one value }
    bool enter(char open) noexcept {
        if (at_ >= end_ || *at_ != open) return fail("a value is missing");
        ++at_;
        return true;
    }
    // The next member's name, up to its value. False at the end of the object (its brace is taken)
    // and on failure. `first`: true before the first member; cleared.
    bool next_key(JsonString& key, bool& first) noexcept;
    // The same for an array: true when an element comes.
    bool next_element(bool& first) noexcept;

    // White space and then nothing.
    bool expect_end() noexcept {
        skip_space();
        return at_ == end_ || fail("something follows the JSON value");
    }
    bool fail(std::string_view reason) noexcept {
        if (reason_.empty()) reason_ = reason;
        return false;
    }
    bool fail_twice(std::string_view name) noexcept {
        twice_ = name;
        return fail("a member stands twice");
    }

  private:
    struct SkipEverything {
        static void on_string(JsonString const&, std::size_t) noexcept {}
        static bool on_key(JsonString const&, std::size_t, std::uint8_t&) noexcept { return true; }
    };
    template <class Once>
    struct CheckOnce {
        static void on_string(JsonString const&, std::size_t) noexcept {}
        bool on_key(JsonString const& text, std::size_t, std::uint8_t& seen) const noexcept {
            JsonKey key;
            key.set(text);
            auto const bit = once.bit(key.name());
            if ((seen & bit) != 0) return scan.fail_twice(text.inner());
            seen = static_cast<std::uint8_t>(seen | bit);
            return true;
        }
        JsonScanner& scan;
        Once const& once;
    };

    bool skip_escape() noexcept {
        if (end_ - at_ < 2 || !json_bytes::is_short_escape(at_[1])) return skip_long_escape();
        at_ += 2;
        return true;
    }
    bool skip_long_escape() noexcept;
    bool read_long_string(JsonString& out) noexcept;
    template <std::size_t size>
    bool skip_literal(char const (&word)[size]) noexcept;
    bool skip_scalar() noexcept;

    char const* begin_;
    char const* at_;
    char const* end_;
    std::string_view reason_;
    std::string_view twice_;
};

// Is all of `text` one JSON value? On false, `reason` says why. `offset` is where.
struct JsonVerdict {
    bool ok = false;
    std::string_view reason;
    std::size_t offset = 0;
};
JsonVerdict check_json(std::string_view text) noexcept;
inline bool is_json(std::string_view text) noexcept { return check_json(text).ok; }

inline JsonKind JsonScanner::peek() const noexcept {
    if (at_ >= end_) return JsonKind::none;
    switch (*at_) {
        case '{':
            return JsonKind::object;
        case '[':
            return JsonKind::array;
        case '"':
            return JsonKind::string;
        case 't':
            return JsonKind::true_;
        case 'f':
            return JsonKind::false_;
        case 'n':
            return JsonKind::null;
        default:
            return *at_ == '-' || (*at_ >= '0' && *at_ <= '9') ? JsonKind::number : JsonKind::none;
    }
}

// Names and short values, most of all strings, end within the first bytes.
inline bool JsonScanner::read_string(JsonString& out) noexcept {
    auto const near = json_bytes::find_near_special(at_ + 1, end_);
    if (near && *near == '"') {
        out = {{at_, static_cast<std::size_t>(near + 1 - at_)}, false};
        at_ = near + 1;
        return true;
    }
    return read_long_string(out);
}

inline bool JsonScanner::next_key(JsonString& key, bool& first) noexcept {
    skip_space();
    if (at_ < end_ && *at_ == '}') {
        ++at_;
        return false;
    }
    if (!first) {
        if (at_ == end_ || *at_ != ',') return fail("a comma or closing brace is missing");
        ++at_;
        skip_space();
    }
    first = false;
    if (at_ == end_ || *at_ != '"') return fail("a member name in quotes is missing");
    if (!read_string(key)) return false;
    skip_space();
    if (at_ == end_ || *at_ != ':') return fail("a colon is missing behind a member name");
    ++at_;
    skip_space();
    return true;
}

inline bool JsonScanner::next_element(bool& first) noexcept {
    skip_space();
    if (at_ < end_ && *at_ == ']') {
        ++at_;
        return false;
    }
    if (!first) {
        if (at_ == end_ || *at_ != ',') return fail("a comma or closing bracket is missing");
        ++at_;
        skip_space();
    }
    first = false;
    return true;
}

template <class Once>
bool JsonScanner::skip_value(std::size_t depth, Once const& once) noexcept {
    JsonString text;
    if (at_ < end_ && *at_ == '"') return read_string(text);
    if (at_ < end_ && *at_ != '{' && *at_ != '[') return skip_scalar();
    if constexpr (std::is_same_v<Once, NoOnceMembers>) {
        return walk_value(depth, SkipEverything{});
    } else {
        return walk_value(depth, CheckOnce<Once>{*this, once});
    }
}

// Not inlined: most values that are skipped are no containers.
template <class Visitor>
[[gnu::noinline]] bool JsonScanner::walk_value(std::size_t depth, Visitor&& visitor) {
    constexpr std::uint8_t in_array = 0x80;         // the other bits: the visitor's, of this object
    std::array<std::uint8_t, depth_max + 1> stack;  // the first `open` entries are set
    std::size_t open = 0;
    JsonString text;
    for (;;) {
        // One value begins here.
        bool opened = false;
        if (at_ == end_) return fail("a value is missing");
        if (*at_ == '"') {
            if (!read_string(text)) return false;
            visitor.on_string(text, depth + open);
        } else if (*at_ == '{' || *at_ == '[') {
            if (depth + open >= depth_max) return fail("values are nested too deeply");
            stack[open++] = *at_ == '[' ? in_array : 0;
            ++at_;
            opened = true;
        } else if (!skip_scalar()) {
            return false;
        }
        // Close what ends here, then go to the next value.
        for (;;) {
            if (open == 0) return true;
            skip_space();
            if (at_ == end_) return fail("the text ends inside an object or array");
            auto& top = stack[open - 1];
            if (*at_ == ((top & in_array) != 0 ? ']' : '}')) {
                ++at_;
                --open;
                opened = false;
                continue;
            }
            bool first = opened;
            if ((top & in_array) != 0) {
                if (!next_element(first)) return false;
            } else {
                if (!next_key(text, first)) return false;
                if (!visitor.on_key(text, depth + open, top)) return false;
            }
            break;
        }
    }
}

}  // namespace sluice::codec
