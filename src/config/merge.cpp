// See merge.hpp.
#include "config/merge.hpp"

#include <algorithm>

#include "config/prose.hpp"

namespace sluice::config {
namespace {

using Entry = Node::Entry;

void tell_twice(std::string const& path, Entry const& first, Entry const& second,
                std::vector<Problem>& problems) {
    problems.push_back({second.place, path + " is defined twice, first at " + to_text(first.place) +
                                          "; keep one"});
}

// One section out of two.
NodePtr merge_section(Entry const& a, Entry const& b, std::vector<Problem>& problems) {
    if (a.value->kind == Node::Kind::null) return b.value;
    if (b.value->kind == Node::Kind::null) return a.value;
    if (a.value->kind != Node::Kind::map || b.value->kind != Node::Kind::map) {
        tell_twice(in_quotes(a.key), a, b, problems);
        return a.value;
    }
    auto merged = std::make_shared<Node>(*a.value);
    for (auto const& entry : b.value->entries) {
        if (auto const* first = merged->find(entry.key)) {
            tell_twice(in_quotes(a.key + "." + entry.key), *first, entry, problems);
        } else {
            merged->entries.push_back(entry);
        }
    }
    return merged;
}

}  // namespace

NodePtr merge_roots(std::vector<NodePtr> const& roots, std::vector<Problem>& problems) {
    auto merged = std::make_shared<Node>();
    merged->kind = Node::Kind::map;
    if (!roots.empty()) merged->place = roots.front()->place;
    for (auto const& root : roots) {
        for (auto const& entry : root->entries) {
            auto const known =
                std::find_if(merged->entries.begin(), merged->entries.end(),
                             [&entry](auto const& other) { return other.key == entry.key; });
            if (known == merged->entries.end()) {
                merged->entries.push_back(entry);
            } else {
                known->value = merge_section(*known, entry, problems);
            }
        }
    }
    return merged;
}

}  // namespace sluice::config
