// Parameter shaping: what a provider or a model wants changed in the members of a request's root,
// from config (`shape`). Works on any JSON body, as it came or translated. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dialect {

struct Clamp {
    std::optional<double> least, most;
    std::string least_text, most_text;  // as written, for the body
};

// One rule; values are JSON texts.
struct ShapeRule {
    std::vector<std::string> models;  // globs of the provider's names; empty = all
    std::vector<std::string> drop;
    std::map<std::string, std::string> rename;
    std::map<std::string, std::string> defaults;
    std::map<std::string, Clamp> clamp;
    std::map<std::string, std::map<std::string, std::string>> map;  // member -> value -> value
};

// The body after all rules that concern `model`, in order; nullopt when nothing changes.
// Precondition: `body` is a JSON object. Members that are not named keep their bytes.
std::optional<std::string> shape(std::string_view body, std::vector<ShapeRule> const& rules,
                                 std::string_view model);

}  // namespace sluice::dialect
