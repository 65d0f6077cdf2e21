#include "dialect/anthropic/schema.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "dialect/common/walk.hpp"

namespace sluice::dialect::anthropic {
namespace {

// providers/anthropic: what output_config.format refuses.
constexpr std::array<std::string_view, 14> refused = {
    "minimum",     "maximum",   "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
    "minLength",   "maxLength", "pattern",          "minItems",         "maxItems",
    "uniqueItems", "not",       "minProperties",    "maxProperties"};
constexpr std::array<std::string_view, 10> formats = {
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"};

template <std::size_t N>
bool is_one_of(std::array<std::string_view, N> const& list, std::string_view word) noexcept {
    return std::find(list.begin(), list.end(), word) != list.end();
}

class SchemaCopy {
  public:
    SchemaCopy(std::string& out, std::string_view schema) : out_(out), scan_(schema) {}

    bool run() {
        scan_.skip_space();
        if (!copy(true)) out_ += "{}";
        return changed_;
    }

  private:
    // `is_schema`: the value is a schema, or a list of them; else a map from names to schemas.
    bool copy(bool is_schema) {
        if (scan_.peek() == JsonKind::object) return is_schema ? object() : names();
        if (scan_.peek() == JsonKind::array) return list(is_schema);
        std::string_view json;
        if (!take_json(scan_, json)) return false;
        out_ += json;
        return true;
    }

    bool list(bool is_schema) {
        out_ += '[';
        bool first = true;
        bool const ok = each_element(scan_, [&] {
            if (!std::exchange(first, false)) out_ += ',';
            return copy(is_schema);
        });
        out_ += ']';
        return ok;
    }

    void key(std::string_view quoted, bool& first) {
        if (!std::exchange(first, false)) out_ += ',';
        out_.append(quoted).append(":");
    }

    // Names of properties: any text.
    bool names() {
        if (!scan_.enter('{')) return false;
        out_ += '{';
        JsonString raw;
        bool first_out = true;
        for (bool first = true; scan_.next_key(raw, first);) {
            if (!std::exchange(first_out, false)) out_ += ',';
            out_.append(raw.quoted).append(":");
            if (!copy(true)) return false;
        }
        out_ += '}';
        return !scan_.failed();
    }

    bool object() {
        out_ += '{';
        bool first = true, is_object = false, is_closed = false;
        bool const ok = each_named(scan_, [&](std::string_view name, std::string_view quoted) {
            if (is_one_of(refused, name)) {
                changed_ = true;
                return scan_.skip_value(0);
            }
            if (name == "additionalProperties") {
                std::string_view json;
                if (!take_json(scan_, json)) return false;
                changed_ = changed_ || json != "false";
                is_closed = true;
                return true;
            }
            if (name == "format") return format(first);
            if (name == "type") {
                std::string_view json;
                if (!take_json(scan_, json)) return false;
                is_object = is_object || json.find("\"object\"") != json.npos;
                key(quoted, first);
                out_ += json;
                return true;
            }
            bool const is_map = name == "properties" || name == "$defs" || name == "definitions";
            bool const holds_schemas = name == "items" || name == "anyOf" || name == "oneOf" ||
                                       name == "allOf" || name == "prefixItems";
            is_object = is_object || name == "properties";
            key(name == "oneOf" ? std::string_view{"\"anyOf\""} : quoted, first);
            if (is_map) return copy(false);
            if (holds_schemas) return copy(true);
            std::string_view json;
            if (!take_json(scan_, json)) return false;
            out_ += json;
            return true;
        });
        if (is_object || is_closed) {
            key("\"additionalProperties\"", first);
            out_ += "false";
        }
        out_ += '}';
        return ok;
    }

    bool format(bool& first) {
        llm::Text word;
        if (!take_text(scan_, word)) return false;
        if (!is_one_of(formats, word.inner())) {
            changed_ = true;
            return true;
        }
        key("\"format\"", first);
        out_ += word.json;
        return true;
    }

    std::string& out_;
    JsonScanner scan_;
    bool changed_ = false;
};

}  // namespace

bool append_schema(std::string& out, std::string_view schema) {
    return SchemaCopy(out, schema).run();
}

}  // namespace sluice::dialect::anthropic
