// One YAML text as a tree of nodes that know their place. Built on yaml-cpp's events, because its
// own node type keeps the last of two equal keys and says nothing. Called by load.cpp and
// catalog.cpp. Strict: duplicate keys, merge keys, tags, several documents, tabs, bad UTF-8 are
// problems.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"

namespace sluice::config {

struct Node;
using NodePtr = std::shared_ptr<Node const>;  // shared where the text uses an alias

struct Node {
    enum class Kind { null, scalar, sequence, map };
    struct Entry {
        std::string key;
        Place place;  // of the key
        NodePtr value;
    };

    Kind kind = Kind::null;
    std::string text;     // of a scalar
    bool quoted = false;  // a quoted or block scalar: always text
    Place place;
    std::vector<NodePtr> items;
    std::vector<Entry> entries;  // in file order, each key once
    std::size_t size = 1;        // nodes below and including this one, aliases counted out

    [[nodiscard]] Entry const* find(std::string_view key) const noexcept;
};

inline constexpr std::size_t file_bytes_max = 1024 * 1024;
inline constexpr std::size_t nodes_max = 50'000;  // aliases counted out: no billion laughs
inline constexpr std::size_t depth_max = 32;

struct Parsed {
    NodePtr root;  // null when the text cannot be read at all
    std::vector<Problem> problems;
};

// `file` is only a name for places.
Parsed parse_yaml(std::string_view text, std::string const& file);

std::string_view to_text(Node::Kind kind);  // "nothing", "a single value", "a list", "a map"

}  // namespace sluice::config
