// Walks a schema and makes the smallest instance that shows something. Called by answer.cpp.
#include "provider/mock/schema_instance.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::provider::mock {
namespace {

using nlohmann::json;

constexpr int depth_max = 16;         // below it: null, whatever the schema says
constexpr int interesting_depth = 6;  // below it: as little as the schema allows
constexpr int nodes_max = 4096;       // in all: a schema that refers to itself fans out
constexpr std::size_t items_max = 64;
constexpr std::size_t string_bytes_max = 4096;

class Maker {
  public:
    Maker(json const& root, std::string const& text) : root_(root), text_(text) {}

    // NOLINTNEXTLINE(misc-no-recursion): bounded by depth_max
    json make(json const& schema, int depth) {
        if (!schema.is_object() || depth > depth_max || ++nodes_ > nodes_max) return nullptr;
        if (schema.contains("const")) return schema["const"];
        if (has_items(schema, "enum")) return schema["enum"][0];
        if (auto const* target = referred(schema)) return make(*target, depth + 1);
        for (auto const* name : {"anyOf", "oneOf"}) {
            if (has_items(schema, name)) return make(best_of(schema[name]), depth + 1);
        }
        if (has_items(schema, "allOf")) return make(merged(schema), depth + 1);
        return make_type(type_of(schema), schema, depth);
    }

  private:
    static bool has_items(json const& schema, char const* name) {
        auto const at = schema.find(name);
        return at != schema.end() && at->is_array() && !at->empty();
    }

    static std::string type_of(json const& schema) {
        auto const at = schema.find("type");
        if (at != schema.end() && at->is_string()) return at->get<std::string>();
        if (at != schema.end() && at->is_array()) {
            for (auto const& type : *at) {
                if (type.is_string() && type != "null") return type.get<std::string>();
            }
            return "null";
        }
        if (schema.contains("properties")) return "object";
        if (schema.contains("items")) return "array";
        return schema.empty() || schema.contains("additionalProperties") ? "object" : "string";
    }

    // The first alternative that is not null.
    static json const& best_of(json const& alternatives) {
        for (auto const& one : alternatives) {
            if (one.is_object() && one.value("type", json{}) != "null") return one;
        }
        return alternatives[0];
    }

    // NOLINTNEXTLINE(misc-no-recursion): one level
    json merged(json const& schema) const {
        json all = schema;
        all.erase("allOf");
        for (auto const& part : schema["allOf"]) {
            auto const* const target = referred(part);
            auto const& source = target ? *target : part;
            if (!source.is_object()) continue;
            for (auto const& [name, value] : source.items()) {
                if (name == "required" && value.is_array()) {
                    for (auto const& one : value) all["required"].push_back(one);
                } else if (name == "properties" && value.is_object()) {
                    all["properties"].update(value);
                } else {
                    all[name] = value;
                }
            }
        }
        return all;
    }

    // "#/$defs/name" inside this schema; null when there is none.
    json const* referred(json const& schema) const {
        auto const at = schema.is_object() ? schema.find("$ref") : schema.end();
        if (!schema.is_object() || at == schema.end() || !at->is_string()) return nullptr;
        auto const& text = at->get_ref<std::string const&>();
        if (text == "#") return &root_;
        if (!text.starts_with("#/")) return nullptr;
        try {
            json::json_pointer const pointer{text.substr(1)};
            return root_.contains(pointer) ? &root_.at(pointer) : nullptr;
        } catch (json::exception const&) {
            return nullptr;
        }
    }

    // NOLINTNEXTLINE(misc-no-recursion): bounded by depth_max
    json make_type(std::string const& type, json const& schema, int depth) {
        if (type == "object") return make_object(schema, depth);
        if (type == "array") return make_array(schema, depth);
        if (type == "integer") return static_cast<std::int64_t>(number(schema, true));
        if (type == "number") return number(schema, false);
        if (type == "boolean") return true;
        if (type == "null") return nullptr;
        return make_string(schema);
    }

    // NOLINTNEXTLINE(misc-no-recursion): bounded by depth_max
    json make_object(json const& schema, int depth) {
        json object = json::object();
        json const properties = schema.value("properties", json::object());
        for (auto const& name : schema.value("required", json::array())) {
            if (!name.is_string()) continue;
            auto const& key = name.get_ref<std::string const&>();
            object[key] = properties.is_object() && properties.contains(key)
                              ? make(properties[key], depth + 1)
                              : json(text_);
        }
        // Nothing required: one property shows more than an empty object.
        if (object.empty() && depth < interesting_depth && properties.is_object() &&
            !properties.empty()) {
            auto const first = properties.begin();
            object[first.key()] = make(first.value(), depth + 1);
        }
        return object;
    }

    // NOLINTNEXTLINE(misc-no-recursion): bounded by depth_max
    json make_array(json const& schema, int depth) {
        auto least = size_of(schema, "minItems", 0);
        auto const most = size_of(schema, "maxItems", items_max);
        if (least == 0 && depth < interesting_depth) least = 1;
        json array = json::array();
        json const items = schema.value("items", json::object());
        for (std::size_t i = 0; i < std::min({least, most, items_max}); ++i) {
            array.push_back(items.empty() ? json(text_) : make(items, depth + 1));
        }
        return array;
    }

    static std::size_t size_of(json const& schema, char const* name, std::size_t otherwise) {
        auto const at = schema.find(name);
        return at != schema.end() && at->is_number_unsigned() ? at->get<std::size_t>() : otherwise;
    }

    static double number(json const& schema, bool whole) {
        auto const bound = [&](char const* name) -> std::optional<double> {
            auto const at = schema.find(name);
            if (at == schema.end() || !at->is_number()) return std::nullopt;
            return at->get<double>();
        };
        double value = 1;
        if (auto const max = bound("maximum")) value = std::min(value, *max);
        if (auto const max = bound("exclusiveMaximum")) {
            if (value >= *max) value = whole ? std::ceil(*max) - 1 : *max - 0.5;
        }
        if (auto const min = bound("minimum")) value = std::max(value, *min);
        if (auto const min = bound("exclusiveMinimum")) {
            if (value <= *min) value = whole ? std::floor(*min) + 1 : *min + 0.5;
        }
        if (whole) value = std::ceil(value);
        if (auto const step = bound("multipleOf"); step && *step > 0) {
            value = std::ceil(value / *step) * *step;
        }
        // Outside of what an int64 holds there is nothing sensible to answer.
        return std::clamp(value, -9e18, 9e18);
    }

    json make_string(json const& schema) const {
        auto const format = schema.value("format", json{});
        if (format == "date-time") return "2026-01-31T12:00:00Z";
        if (format == "date") return "2026-01-31";
        if (format == "time") return "12:00:00Z";
        if (format == "email") return "mock@example.com";
        if (format == "uri" || format == "url") return "https://example.com/";
        if (format == "uuid") return "00000000-0000-4000-8000-000000000000";
        if (format == "ipv4") return "192.0.2.1";
        if (format == "ipv6") return "2001:db8::1";
        std::string value = text_;
        auto const least = std::min(size_of(schema, "minLength", 0), string_bytes_max);
        if (value.size() < least) value.resize(least, '.');
        // Lengths count characters; text_ is ASCII, so bytes are characters.
        auto const most = size_of(schema, "maxLength", string_bytes_max);
        if (value.size() > most) value.resize(most);
        return value;
    }

    json const& root_;
    std::string const& text_;
    int nodes_ = 0;
};

}  // namespace

nlohmann::json instance_of(nlohmann::json const& schema, std::string const& text) {
    auto made = Maker{schema, text}.make(schema, 0);
    return made.is_null() ? nlohmann::json::object() : made;
}

}  // namespace sluice::provider::mock
