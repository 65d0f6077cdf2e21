#include "dialect/common/shape.hpp"

#include <algorithm>
#include <charconv>

#include "sluice/principal.hpp"

#include "base/json_text.hpp"
#include "dialect/common/walk.hpp"

namespace sluice::dialect {
namespace {

struct Member {
    std::string name;
    std::string value;  // JSON
};

bool concerns(ShapeRule const& rule, std::string_view model) {
    return rule.models.empty() ||
           std::any_of(rule.models.begin(), rule.models.end(),
                       [model](auto const& glob) { return glob_matches(glob, model); });
}

bool read_members(std::string_view body, std::vector<Member>& members) {
    JsonScanner scan(body);
    scan.skip_space();
    if (scan.peek() != JsonKind::object) return false;
    return each_member(scan, [&](std::string_view name) {
        std::string_view value;
        if (!take_json(scan, value)) return false;
        members.push_back({std::string{name}, std::string{value}});
        return true;
    });
}

std::vector<Member>::iterator find(std::vector<Member>& members, std::string_view name) {
    return std::find_if(members.begin(), members.end(),
                        [name](auto const& member) { return member.name == name; });
}

// Each says whether it changed something.
bool drop(std::vector<Member>& members, ShapeRule const& rule) {
    bool changed = false;
    for (auto const& name : rule.drop) {
        changed =
            std::erase_if(members, [&](auto const& m) { return m.name == name; }) > 0 || changed;
    }
    return changed;
}

// Where both names stand the new one holds.
bool rename(std::vector<Member>& members, ShapeRule const& rule) {
    bool changed = false;
    for (auto const& [from, to] : rule.rename) {
        auto const old = find(members, from);
        if (old == members.end()) continue;
        changed = true;
        if (find(members, to) != members.end()) {
            members.erase(old);
        } else {
            old->name = to;
        }
    }
    return changed;
}

bool clamp(std::vector<Member>& members, ShapeRule const& rule) {
    bool changed = false;
    for (auto const& [name, bounds] : rule.clamp) {
        auto const member = find(members, name);
        if (member == members.end()) continue;
        double value = 0;
        auto const& text = member->value;
        auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size()) continue;
        if (bounds.least && value < *bounds.least) {
            member->value = bounds.least_text;
            changed = true;
        } else if (bounds.most && value > *bounds.most) {
            member->value = bounds.most_text;
            changed = true;
        }
    }
    return changed;
}

bool map(std::vector<Member>& members, ShapeRule const& rule) {
    bool changed = false;
    for (auto const& [name, values] : rule.map) {
        auto const member = find(members, name);
        if (member == members.end()) continue;
        auto const found = values.find(member->value);
        if (found == values.end()) continue;
        member->value = found->second;
        changed = true;
    }
    return changed;
}

bool add_defaults(std::vector<Member>& members, ShapeRule const& rule) {
    bool changed = false;
    for (auto const& [name, value] : rule.defaults) {
        if (find(members, name) != members.end()) continue;
        members.push_back({name, value});
        changed = true;
    }
    return changed;
}

}  // namespace

std::optional<std::string> shape(std::string_view body, std::vector<ShapeRule> const& rules,
                                 std::string_view model) {
    bool const any = std::any_of(rules.begin(), rules.end(),
                                 [model](auto const& rule) { return concerns(rule, model); });
    std::vector<Member> members;
    if (!any || !read_members(body, members)) return std::nullopt;
    bool changed = false;
    for (auto const& rule : rules) {
        if (!concerns(rule, model)) continue;
        for (auto* step : {drop, rename, map, clamp, add_defaults}) {
            changed = step(members, rule) || changed;
        }
    }
    if (!changed) return std::nullopt;
    std::string out = "{";
    for (auto const& member : members) {
        if (out.size() > 1) out += ',';
        append_json_string(out, member.name);
        out.append(":").append(member.value);
    }
    return out + "}";
}

}  // namespace sluice::dialect
