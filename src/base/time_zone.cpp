#include "base/time_zone.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>
#include <fstream>
#include <iterator>

namespace sluice {
namespace {

constexpr int rule_year_max = 2100;  // as far as a rule is written out
constexpr std::size_t file_bytes_max = 1 << 20;

// Takes big-endian numbers off the front; zeros once it is empty.
class Bytes {
  public:
    explicit Bytes(std::string_view text) : left_(text) {}
    std::int64_t number(std::size_t bytes) {
        auto const part = take(bytes);
        bool const is_negative = !part.empty() && (static_cast<unsigned char>(part[0]) & 0x80) != 0;
        std::uint64_t value = is_negative ? ~std::uint64_t{0} : 0;
        for (auto const c : part) value = (value << 8) | static_cast<unsigned char>(c);
        return static_cast<std::int64_t>(value);
    }
    std::string_view take(std::size_t bytes) {
        if (bytes > left_.size()) {
            failed_ = true;
            left_ = {};
            return {};
        }
        auto const part = left_.substr(0, bytes);
        left_.remove_prefix(bytes);
        return part;
    }
    [[nodiscard]] std::string_view left() const { return left_; }
    [[nodiscard]] bool failed() const { return failed_; }

  private:
    std::string_view left_;
    bool failed_ = false;
};

struct Head {
    char version = 0;
    std::int64_t utc = 0, standard = 0, leaps = 0, times = 0, types = 0, chars = 0;
};

bool read_head(Bytes& bytes, Head& head) {
    if (bytes.take(4) != "TZif") return false;
    auto const version = bytes.take(1);
    head.version = version.empty() ? '\0' : version[0];
    bytes.take(15);
    for (auto* count :
         {&head.utc, &head.standard, &head.leaps, &head.times, &head.types, &head.chars}) {
        *count = bytes.number(4);
        if (*count < 0 || *count > 100'000) return false;
    }
    return !bytes.failed() && head.types > 0;
}

// The rule behind the last change, as POSIX writes it: "CET-1CEST,M3.5.0,M10.5.0/3".
class Rule {
  public:
    explicit Rule(std::string_view text) : text_(text) {}

    // False: not understood.
    bool read() {
        if (!skip_name() || !read_time(standard_)) return false;
        standard_ = -standard_;
        if (text_.empty()) return true;
        if (!skip_name()) return false;
        summer_ = standard_ + 3600;
        if (!text_.empty() && text_.front() != ',') {
            if (!read_time(summer_)) return false;
            summer_ = -summer_;
        }
        has_summer_ = read_day(begins_) && read_day(ends_);
        return has_summer_ && text_.empty();
    }

    [[nodiscard]] bool has_summer() const { return has_summer_; }
    [[nodiscard]] std::int64_t standard() const { return standard_; }
    [[nodiscard]] std::int64_t summer() const { return summer_; }
    [[nodiscard]] std::int64_t begins(int year) const { return at(begins_, year) - standard_; }
    [[nodiscard]] std::int64_t ends(int year) const { return at(ends_, year) - summer_; }

  private:
    struct Day {
        char kind = 'M';  // M: month, week, weekday; J: day 1 to 365 without 29 February; 0: 0-365
        int month = 1, week = 1, weekday = 0, day = 0;
        std::int64_t time = 7200;
    };

    bool take(char c) {
        if (text_.empty() || text_.front() != c) return false;
        text_.remove_prefix(1);
        return true;
    }
    bool skip_name() {
        if (take('<')) {
            auto const end = text_.find('>');
            if (end == std::string_view::npos) return false;
            text_.remove_prefix(end + 1);
            return true;
        }
        std::size_t letters = 0;
        while (letters < text_.size() && std::isalpha(static_cast<unsigned char>(text_[letters]))) {
            ++letters;
        }
        text_.remove_prefix(letters);
        return letters >= 3;
    }
    bool read_number(int& out) {
        if (text_.empty() || text_.front() < '0' || text_.front() > '9') return false;
        out = 0;
        while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9' && out < 10'000) {
            out = out * 10 + (text_.front() - '0');
            text_.remove_prefix(1);
        }
        return true;
    }
    bool read_time(std::int64_t& out) {
        bool const is_negative = take('-');
        if (!is_negative) take('+');
        std::array<int, 3> parts{};
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (i > 0 && !take(':')) break;
            if (!read_number(parts[i])) return false;
        }
        out = (parts[0] * 60LL + parts[1]) * 60 + parts[2];
        if (is_negative) out = -out;
        return true;
    }
    bool read_day(Day& out) {
        if (!take(',')) return false;
        bool is_read = false;
        if (take('M')) {
            is_read = read_number(out.month) && take('.') && read_number(out.week) && take('.') &&
                      read_number(out.weekday);
            is_read = is_read && out.month >= 1 && out.month <= 12 && out.week >= 1 &&
                      out.week <= 5 && out.weekday <= 6;
        } else {
            out.kind = take('J') ? 'J' : '0';
            is_read = read_number(out.day) && out.day <= 366;
        }
        return is_read && (!take('/') || read_time(out.time));
    }

    // Local seconds since 1970.
    static std::int64_t at(Day const& day, int year) {
        using namespace std::chrono;
        sys_days date{std::chrono::year{year} / January / 1};
        if (day.kind == 'M') {
            auto const month = std::chrono::year{year} / day.month;
            weekday const wanted{static_cast<unsigned>(day.weekday)};
            date = day.week == 5 ? sys_days{month / wanted[last]}
                                 : sys_days{month / wanted[static_cast<unsigned>(day.week)]};
        } else {
            bool const is_after_leap =
                day.kind == 'J' && std::chrono::year{year}.is_leap() && day.day >= 60;
            date += days{day.kind == 'J' ? day.day - 1 + (is_after_leap ? 1 : 0) : day.day};
        }
        return date.time_since_epoch().count() * 86'400LL + day.time;
    }

    std::string_view text_;
    std::int64_t standard_ = 0, summer_ = 0;
    bool has_summer_ = false;
    Day begins_, ends_;
};

bool is_zone_name(std::string const& name) {
    bool const is_spelt = std::all_of(name.begin(), name.end(), [](unsigned char c) {
        return std::isalnum(c) || c == '/' || c == '_' || c == '-' || c == '+';
    });
    return is_spelt && !name.empty() && name.size() <= 64 && name.front() != '/' &&
           name.find("//") == std::string::npos;
}

}  // namespace

std::shared_ptr<TimeZone const> TimeZone::open(std::string const& name) {
    if (name == "UTC") {
        auto zone = std::make_shared<TimeZone>();
        zone->name_ = name;
        return zone;
    }
    if (!is_zone_name(name)) return nullptr;
    std::ifstream file("/usr/share/zoneinfo/" + name, std::ios::binary);
    if (!file) return nullptr;
    std::string content(std::istreambuf_iterator<char>{file}, {});
    if (content.size() > file_bytes_max) return nullptr;
    return read(name, content);
}

std::shared_ptr<TimeZone const> TimeZone::read(std::string name, std::string_view file) {
    Bytes bytes(file);
    Head head;
    if (!read_head(bytes, head)) return nullptr;
    std::size_t width = 4;
    if (head.version >= '2') {
        auto const rest = head.times * 5 + head.types * 6 + head.chars + head.leaps * 8 +
                          head.standard + head.utc;
        bytes.take(static_cast<std::size_t>(rest));
        if (!read_head(bytes, head)) return nullptr;
        width = 8;
    }
    auto zone = std::make_shared<TimeZone>();
    zone->name_ = std::move(name);
    for (std::int64_t i = 0; i < head.times; ++i)
        zone->changes_.push_back({bytes.number(width), 0});
    auto const kinds = bytes.take(static_cast<std::size_t>(head.times));
    std::vector<std::int64_t> offsets;
    for (std::int64_t i = 0; i < head.types; ++i) {
        offsets.push_back(bytes.number(4));
        bytes.take(2);
    }
    if (bytes.failed()) return nullptr;
    for (std::size_t i = 0; i < kinds.size(); ++i) {
        auto const kind = static_cast<unsigned char>(kinds[i]);
        if (kind >= offsets.size()) return nullptr;
        zone->changes_[i].offset = offsets[kind];
    }
    zone->before_ = offsets.front();
    bytes.take(static_cast<std::size_t>(head.chars + head.leaps * static_cast<int>(width + 4) +
                                        head.standard + head.utc));
    auto footer = bytes.left();
    if (width == 4 || footer.size() < 2) return zone;
    footer = footer.substr(1, footer.find('\n', 1) - 1);
    Rule rule(footer);
    if (footer.empty() || !rule.read()) return zone;
    auto const last = zone->changes_.empty() ? INT64_MIN : zone->changes_.back().at;
    if (!rule.has_summer()) {
        if (zone->changes_.empty()) zone->before_ = rule.standard();
        return zone;
    }
    for (int year = 1970; year <= rule_year_max; ++year) {
        std::array<Change, 2> both{Change{rule.begins(year), rule.summer()},
                                   Change{rule.ends(year), rule.standard()}};
        if (both[1].at < both[0].at) std::swap(both[0], both[1]);
        for (auto const& change : both) {
            if (change.at > last) zone->changes_.push_back(change);
        }
    }
    return zone;
}

std::int64_t TimeZone::offset_at(std::int64_t unix_s) const noexcept {
    auto const next =
        std::upper_bound(changes_.begin(), changes_.end(), unix_s,
                         [](std::int64_t at, Change const& change) { return at < change.at; });
    return next == changes_.begin() ? before_ : std::prev(next)->offset;
}

}  // namespace sluice
