// See names.hpp.
#include "config/names.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "sluice/principal.hpp"

#include "config/address.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t pattern_bytes_max = 256;

bool is_alnum(char c) {
    auto const u = static_cast<unsigned char>(c);
    return u < 0x80 && std::isalnum(u);
}

bool is_token_char(char c) {
    return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
    return !text.empty() && text.size() <= 100 &&
           std::all_of(text.begin(), text.end(), is_token_char);
}

std::string lower(std::string text) {
    for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

std::string_view head_of(std::string_view pattern) { return pattern.substr(0, pattern.find('*')); }
std::string_view tail_of(std::string_view pattern) { return pattern.substr(pattern.find('*') + 1); }

}  // namespace

std::optional<std::string> check_name(std::string const& name) {
    bool const is_fine = !name.empty() && name.size() <= name_bytes_max && is_alnum(name.front()) &&
                         std::all_of(name.begin(), name.end(), [](char c) {
                             return is_alnum(c) || c == '.' || c == '_' || c == '-';
                         });
    if (is_fine) return std::nullopt;
    return "is not a usable name: letters, digits, '.', '_' and '-', a letter or digit first, at "
           "most 64";
}

std::optional<std::string> check_model_pattern(std::string const& pattern) {
    bool const is_printable = std::all_of(pattern.begin(), pattern.end(), [](unsigned char c) {
        return c > 0x20 && c != 0x7F && c != '"' && c != '\\';
    });
    if (pattern.empty() || pattern.size() > pattern_bytes_max || !is_printable) {
        return "is not a usable model name: 1 to 256 characters, no spaces, quotes or backslashes";
    }
    if (std::count(pattern.begin(), pattern.end(), '*') > 1) {
        return "has more than one '*'; at most one is allowed";
    }
    return std::nullopt;
}

std::optional<std::string> check_tag_name(std::string const& name) {
    bool const is_word =
        !name.empty() && name.size() <= 64 &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") == name.npos;
    if (name == "*" || is_word) return std::nullopt;
    return "must be 1 to 64 lower-case letters, digits, '_', '-' or '.', or \"*\"";
}

bool is_glob(std::string_view pattern) { return pattern.find('*') != std::string_view::npos; }

bool do_patterns_meet(std::string_view a, std::string_view b) {
    if (!is_glob(a)) return glob_matches(b, a);
    if (!is_glob(b)) return glob_matches(a, b);
    auto const [a_head, b_head] = std::pair(head_of(a), head_of(b));
    auto const [a_tail, b_tail] = std::pair(tail_of(a), tail_of(b));
    return (a_head.starts_with(b_head) || b_head.starts_with(a_head)) &&
           (a_tail.ends_with(b_tail) || b_tail.ends_with(a_tail));
}

bool do_patterns_tie(std::string_view a, std::string_view b) {
    if (!is_glob(a) || !is_glob(b)) return a == b;
    return head_of(a) == head_of(b) && do_patterns_meet(a, b);
}

std::optional<std::string> check_header_name(std::string const& name) {
    static constexpr std::array<std::string_view, 14> owned = {"host",
                                                               "content-length",
                                                               "transfer-encoding",
                                                               "connection",
                                                               "keep-alive",
                                                               "upgrade",
                                                               "te",
                                                               "trailer",
                                                               "expect",
                                                               "authorization",
                                                               "x-api-key",
                                                               "api-key",
                                                               "cookie",
                                                               "accept-encoding"};
    if (!is_token(name)) return "is not a header name";
    if (std::find(owned.begin(), owned.end(), lower(name)) != owned.end()) {
        return "is a header that sluice sets itself";
    }
    return std::nullopt;
}

std::optional<std::string> check_header_value(std::string const& value) {
    bool const is_fine =
        value.size() <= 4096 && std::all_of(value.begin(), value.end(), [](unsigned char c) {
            return c == '\t' || (c >= 0x20 && c != 0x7F);
        });
    if (is_fine) return std::nullopt;
    return "must be one line of at most 4096 bytes without control characters";
}

std::optional<std::string> check_base_path(std::string const& path) {
    if (path.empty()) return std::nullopt;
    auto const is_path_char = [](char c) {
        return is_alnum(c) || c == '/' || c == '-' || c == '_' || c == '.' || c == '~';
    };
    bool const is_fine = path.size() <= 200 && path.starts_with('/') && !path.ends_with('/') &&
                         path.find("//") == path.npos && path.find("/.") == path.npos &&
                         std::all_of(path.begin(), path.end(), is_path_char);
    if (is_fine) return std::nullopt;
    return "must be empty or like /prefix: a slash first, none last, letters, digits, -_.~";
}

std::optional<std::string> check_origin(std::string const& origin) {
    if (origin == "*") return std::nullopt;
    std::string why;
    auto const url = parse_url(origin, why);
    bool const is_fine = url && url->user_info.empty() && url->text == origin &&
                         std::count(origin.begin(), origin.end(), '/') == 2;
    if (is_fine) return std::nullopt;
    return "must be \"*\" or an origin like https://app.example.com, without a path";
}

}  // namespace sluice::config
