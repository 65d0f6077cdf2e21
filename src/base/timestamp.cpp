// RFC 3339 in UTC with milliseconds. Called for each record and log line; calls nothing.
#include "base/timestamp.hpp"

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

}  // namespace

void append_timestamp(std::string& out, Wall::time_point at) {
    auto const day = std::chrono::floor<std::chrono::days>(at);
    auto const ms = std::chrono::floor<milliseconds>(at - day).count();
    append_date(out, day);
    out += 'T';
    append_digits(out, ms / 3'600'000, 2);
    out += ':';
    append_digits(out, ms / 60'000 % 60, 2);
    out += ':';
    append_digits(out, ms / 1000 % 60, 2);
    out += '.';
    append_digits(out, ms % 1000, 3);
    out += 'Z';
}

std::string to_date(Wall::time_point at) {
    std::string text;
    append_date(text, std::chrono::floor<std::chrono::days>(at));
    return text;
}

}  // namespace sluice
