// A line put together aside and appended to a string in one go, or in a few: no piece of it asks
// whether the string has room. Used by record_json and access_log; calls base/json_text.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

#include "base/json_text.hpp"
#include "base/timestamp.hpp"

namespace sluice::telemetry {

class LineWriter {
  public:
    // What is written at once by room() and wrote_to() is at most this long.
    static constexpr std::size_t piece_bytes_max = 1024;

    // finish() appends to `out`; so does whatever finds no more room.
    explicit LineWriter(std::string& out) noexcept : out_(out) {}
    LineWriter(LineWriter const&) = delete;
    LineWriter& operator=(LineWriter const&) = delete;

    // Where the next piece goes: piece_bytes_max bytes may be written there.
    char* room() {
        if (at_ > bytes_.data() + bytes_.size() - piece_bytes_max) finish();
        return at_;
    }
    // The piece that was written at room() ends here.
    void wrote_to(char* end) noexcept { at_ = end; }

    void put(char c) {
        *room() = c;
        ++at_;
    }
    void put(std::string_view text) {
        if (text.size() > piece_bytes_max) return put_long(text);
        std::memcpy(room(), text.data(), text.size());
        at_ += text.size();
    }
    template <std::integral T>
    void number(T value) {
        at_ = write_number(room(), value);
    }
    void timestamp(Wall::time_point at) { at_ = write_timestamp(room(), at); }
    // As a JSON string, quotes included.
    void string(std::string_view text) { string_at(room(), text); }
    // The same behind what was written from room() to `at`, which is at most 64 bytes.
    void string_at(char* at, std::string_view text) {
        constexpr std::size_t text_bytes_max = piece_bytes_max - 64 - 2;
        if (text.size() > text_bytes_max || !(text.empty() || copy_if_plain(at + 1, text))) {
            at_ = at;
            return put_escaped(text);
        }
        *at = '"';
        at += text.size() + 1;
        *at = '"';
        at_ = at + 1;
    }

    // Appends what is here.
    void finish();

    static constexpr std::size_t number_bytes_max = 20;
    // Returns behind what was written, at most number_bytes_max. One digit is the most frequent
    // number by far.
    template <std::integral T>
    static char* write_number(char* to, T value) {
        if (value < T{0} || value > T{9}) {
            return std::to_chars(to, to + number_bytes_max, value).ptr;
        }
        *to = static_cast<char>('0' + value);
        return to + 1;
    }

  private:
    void put_long(std::string_view text);
    void put_escaped(std::string_view text);

    std::string& out_;
    std::array<char, 4096> bytes_;  // those before at_ are set
    char* at_ = bytes_.data();
};

}  // namespace sluice::telemetry
