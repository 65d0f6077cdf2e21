// See prose.hpp. Calls base/nearest.
#include "config/prose.hpp"

#include <algorithm>
#include <cctype>

#include "base/nearest.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t shown_bytes_max = 80;
constexpr std::size_t listed_max = 24;

// A key prefix in common use, or a long run of letters and digits with both in it.
bool looks_secret(std::string_view text) {
    for (std::string_view const prefix : {"sk-", "sk_", "hf_", "gsk_", "nvapi-", "Bearer "}) {
        if (text.find(prefix) != std::string_view::npos) return true;
    }
    std::size_t run = 0;
    bool has_digit = false;
    for (auto const c : text) {
        auto const u = static_cast<unsigned char>(c);
        if (!std::isalnum(u)) {
            run = 0, has_digit = false;
            continue;
        }
        has_digit = has_digit || std::isdigit(u);
        if (++run >= 24 && has_digit) return true;
    }
    return false;
}

}  // namespace

std::string to_text(Place const& place) {
    if (place.line == 0) return place.file;
    return place.file + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

std::string to_text(Problem const& problem) {
    auto const is_error = problem.severity == Problem::Severity::error;
    return to_text(problem.place) + (is_error ? ": error: " : ": warning: ") + problem.message;
}

std::string in_quotes(std::string_view name) {
    if (looks_secret(name)) return "(not shown: it looks like a secret)";
    std::string out = "\"";
    for (auto const c : name.substr(0, shown_bytes_max)) {
        out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
    }
    if (name.size() > shown_bytes_max) out += "...";
    return out + "\"";
}

std::string joined(std::vector<std::string> const& words, std::string_view between) {
    std::string out;
    for (auto const& word : words) {
        if (!out.empty()) out += between;
        out += word;
    }
    return out;
}

std::string suggestion(std::string_view name, std::vector<std::string> const& known) {
    auto const near = nearest(name, std::span<std::string const>(known));
    if (!near.empty()) return "; did you mean \"" + std::string(near) + "\"?";
    if (known.empty()) return "";
    std::vector<std::string> listed(
        known.begin(),
        known.begin() + static_cast<std::ptrdiff_t>(std::min(known.size(), listed_max)));
    if (known.size() > listed_max) listed.emplace_back("...");
    return "; known here: " + joined(listed);
}

}  // namespace sluice::config
