// RFC 3339 in UTC with milliseconds. Called for each record and log line; calls nothing.
#include "base/timestamp.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice {
namespace {

void append_digits(std::string& out, std::int64_t value, int count) {
    char digits[20];
    for (int i = count; i-- > 0; value /= 10) digits[i] = static_cast<char>('0' + value % 10);
    out.append(digits, static_cast<std::size_t>(count));
}

void append_date(std::string& out, std::chrono::sys_days day) {
    std::chrono::year_month_day const date{day};
    append_digits(out, static_cast<int>(date.year()), 4);
    out += '-';
    append_digits(out, static_cast<unsigned>(date.month()), 2);
    out += '-';
    append_digits(out, static_cast<unsigned>(date.day()), 2);
}

// YYYY-MM-DDThh:mm:ss
void append_second(std::string& out, std::chrono::sys_seconds at) {
    auto const day = std::chrono::floor<std::chrono::days>(at);
    auto const second = (at - day).count();
    append_date(out, day);
    out += 'T';
    append_digits(out, second / 3600, 2);
    out += ':';
    append_digits(out, second / 60 % 60, 2);
    out += ':';
    append_digits(out, second % 60, 2);
}

char digit(int value) { return static_cast<char>('0' + value % 10); }

// `count` digits from the front of `text`, and `after` behind them when it is not NUL.
std::optional<int> take_digits(std::string_view& text, std::size_t count, char after) {
    if (text.size() < count + (after != 0 ? 1 : 0)) return std::nullopt;
    int value = 0;
    for (auto const c : text.substr(0, count)) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(count);
    if (after == 0) return value;
    if (text.front() != after) return std::nullopt;
    text.remove_prefix(1);
    return value;
}

// ".123" in front of the final Z; nothing is 0.
std::optional<milliseconds> take_fraction(std::string_view& text) {
    if (text.empty() || text.front() != '.') return milliseconds{0};
    text.remove_prefix(1);
    auto const digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > 9) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < 3; ++i) value = value * 10 + (i < digits ? text[i] - '0' : 0);
    text.remove_prefix(digits);
    return milliseconds{value};
}

}  // namespace

char* write_timestamp(char* to, Wall::time_point at) {
    // The thread's last second as it was written: records of one second follow each other.
    struct Written {
        std::chrono::sys_seconds second = std::chrono::sys_seconds::min();
        std::array<char, timestamp_bytes> text{};
    };
    thread_local Written last;
    auto const second = std::chrono::floor<seconds>(at);
    if (last.second != second) {
        std::string text;
        append_second(text, second);
        text.append(".mmmZ").copy(last.text.data(), last.text.size());
        last.second = second;
    }
    auto const ms = static_cast<int>(std::chrono::floor<milliseconds>(at - second).count());
    std::memcpy(to, last.text.data(), timestamp_bytes);
    auto* const digits = to + sizeof "YYYY-MM-DDThh:mm:ss." - 1;
    digits[0] = digit(ms / 100);
    digits[1] = digit(ms / 10);
    digits[2] = digit(ms);
    return to + timestamp_bytes;
}

void append_timestamp(std::string& out, Wall::time_point at) {
    std::array<char, timestamp_bytes> text;
    out.append(text.data(), write_timestamp(text.data(), at));
}

std::string to_date(Wall::time_point at) {
    std::string text;
    append_date(text, std::chrono::floor<std::chrono::days>(at));
    return text;
}

std::optional<Wall::time_point> read_timestamp(std::string_view text) {
    auto const year = take_digits(text, 4, '-');
    auto const month = take_digits(text, 2, '-');
    auto const day = take_digits(text, 2, 0);
    if (!year || !month || !day) return std::nullopt;
    std::chrono::year_month_day const date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    // Wall counts nanoseconds in 64 bits: until 2262.
    if (!date.ok() || *year < 1700 || *year > 2200) return std::nullopt;
    Wall::time_point const midnight{std::chrono::sys_days{date}};
    if (text.empty()) return midnight;
    if (text.front() != 'T') return std::nullopt;
    text.remove_prefix(1);
    auto const hour = take_digits(text, 2, ':');
    auto const minute = take_digits(text, 2, ':');
    auto const second = take_digits(text, 2, 0);
    auto const fraction = take_fraction(text);
    if (!hour || !minute || !second || !fraction || text != "Z") return std::nullopt;
    if (*hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
    return midnight + std::chrono::hours{*hour} + std::chrono::minutes{*minute} + seconds{*second} +
           *fraction;
}

}  // namespace sluice
