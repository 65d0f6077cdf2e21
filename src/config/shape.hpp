// The description of the configuration as data: what may stand where. Made by binding.hpp together
// with the reading itself; schema.cpp and reference_page.cpp turn it into their files.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sluice::config {

using Json = nlohmann::ordered_json;

struct Field;

struct Shape {
    enum class Type { boolean, integer, fraction, text, object, list, map, forms };

    Type type = Type::text;
    std::int64_t least = 0;  // integer: its range; list and map: how many entries
    std::int64_t most = 0;
    std::vector<std::string> choices;  // text: one of these; empty: any
    std::string says;                  // what it is, in a few words: "host:port or unix:/path"
    std::string pattern;               // text, keys of a map: an ECMAScript regex for the schema
    bool is_secret = false;
    std::string title;          // object: its heading on the reference page
    std::string doc;            // object: a sentence or two
    std::vector<Field> fields;  // object
    std::vector<Shape> parts;   // list and map: the entry; forms: each of them
};

struct Field {
    std::string name;
    std::string doc;
    Shape shape;
    Json fallback;  // null: none to show
    bool is_required = false;
};

}  // namespace sluice::config
