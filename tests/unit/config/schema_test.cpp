// The files made from the description are what stands in the tree, and the schema accepts what the
// loader accepts and refuses its misspellings. SLUICE_REWRITE=1 rewrites the two files.
#include "config/schema.hpp"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "config/describe.hpp"
#include "config/tree.hpp"
#include "unit/config/examples.hpp"
#include "unit/config/mutation.hpp"
#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

void expect_file(std::string const& path, std::string const& made) {
    auto const full = source_dir + "/" + path;
    if (std::getenv("SLUICE_REWRITE") != nullptr) std::ofstream(full) << made;
    EXPECT_TRUE(text_of(full) == made)
        << path << " is not what the description says; run SLUICE_REWRITE=1 unit_config";
}

TEST(Schema, file_is_what_the_description_says) {
    expect_file("config/schema/sluice.schema.json", make_schema());
}

TEST(ReferencePage, file_is_what_the_description_says) {
    expect_file("docs/reference/config.md", make_reference_page());
}

// YAML as the JSON an editor's checker sees.
Json to_json(Node const& node) {
    switch (node.kind) {
        case Node::Kind::null:
            return nullptr;
        case Node::Kind::sequence: {
            Json out = Json::array();
            for (auto const& item : node.items) out.push_back(to_json(*item));
            return out;
        }
        case Node::Kind::map: {
            Json out = Json::object();
            for (auto const& entry : node.entries) out[entry.key] = to_json(*entry.value);
            return out;
        }
        case Node::Kind::scalar:
            break;
    }
    if (node.quoted) return node.text;
    auto const plain = Json::parse(node.text, nullptr, false);
    return plain.is_number() || plain.is_boolean() ? plain : Json(node.text);
}

bool has_type(Json const& value, std::string const& type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "number") return value.is_number();
    if (type == "integer") return value.is_number_integer();
    if (type == "boolean") return value.is_boolean();
    if (type == "null") return value.is_null();
    ADD_FAILURE() << "the schema uses a type this test does not know: " << type;
    return false;
}

bool has_types(Json const& value, Json const& types) {
    if (types.is_string()) return has_type(value, types);
    return std::any_of(types.begin(), types.end(),
                       [&](auto const& t) { return has_type(value, t); });
}

bool accepts(Json const& schema, Json const& value);

bool accepts_object(Json const& schema, Json const& value) {
    for (auto const& name : schema.value("required", Json::array())) {
        if (!value.contains(std::string(name))) return false;
    }
    if (value.size() > schema.value("maxProperties", value.size())) return false;
    for (auto const& [name, member] : value.items()) {
        if (schema.contains("propertyNames") &&
            !accepts({{"pattern", schema["propertyNames"]["pattern"]}}, name)) {
            return false;
        }
        auto const properties = schema.value("properties", Json::object());
        auto const& others = schema["additionalProperties"];
        if (properties.contains(name)) {
            if (!accepts(properties[name], member)) return false;
        } else if (others.is_boolean() || !accepts(others, member)) {
            return false;
        }
    }
    return true;
}

// The part of JSON Schema that make_schema uses.
bool accepts(Json const& schema, Json const& value) {
    if (schema.contains("anyOf")) {
        auto const& forms = schema["anyOf"];
        return std::any_of(forms.begin(), forms.end(),
                           [&](auto const& form) { return accepts(form, value); });
    }
    if (schema.contains("enum")) {
        auto const& known = schema["enum"];
        return std::find(known.begin(), known.end(), value) != known.end();
    }
    if (schema.contains("type") && !has_types(value, schema["type"])) return false;
    if (value.is_string() && schema.contains("pattern")) {
        std::regex const pattern(schema["pattern"].get<std::string>());
        if (!std::regex_search(value.get<std::string>(), pattern)) return false;
    }
    if (value.is_number_integer() && schema.contains("minimum")) {
        auto const number = value.get<std::int64_t>();
        return number >= schema["minimum"] && number <= schema["maximum"];
    }
    if (value.is_array()) {
        return value.size() >= schema["minItems"] && value.size() <= schema["maxItems"] &&
               std::all_of(value.begin(), value.end(),
                           [&](auto const& item) { return accepts(schema["items"], item); });
    }
    return !value.is_object() || accepts_object(schema, value);
}

TEST(Schema, accepts_every_example) {
    auto const schema = Json::parse(make_schema());
    for (auto const& example : examples()) {
        for (auto const& file : example.files) {
            auto const parsed = parse_yaml(text_of(file), file);
            ASSERT_TRUE(parsed.root) << file;
            EXPECT_TRUE(accepts(schema, to_json(*parsed.root))) << file;
        }
    }
}

TEST(Schema, refuses_every_misspelt_setting_of_every_example) {
    auto const schema = Json::parse(make_schema());
    for (auto const& example : examples()) {
        auto const root = merged_root(example);
        auto const count = mutation_count(*root);
        for (std::size_t i = 0; i < count; ++i) {
            auto const mutation = mutate(*root, i);
            if (mutation.what != Mutation::What::misspelt) continue;
            auto const parsed = parse_yaml(mutation.text, "m.yaml");
            EXPECT_FALSE(accepts(schema, to_json(*parsed.root)))
                << example.path << ": " << mutation.name;
        }
    }
}

void expect_documented(Shape const& shape) {
    if (shape.type == Shape::Type::object) {
        EXPECT_FALSE(shape.title.empty() || shape.doc.empty());
    }
    for (auto const& field : shape.fields) {
        EXPECT_TRUE(field.doc.ends_with(".")) << shape.title << "." << field.name;
        expect_documented(field.shape);
    }
    for (auto const& part : shape.parts) expect_documented(part);
}

TEST(Description, every_setting_has_a_sentence) {
    expect_documented(document_description().shape);
    expect_documented(kind_description().shape);
}

}  // namespace
}  // namespace sluice::config
