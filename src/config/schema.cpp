// The JSON schema. See schema.hpp.
#include "config/schema.hpp"

#include "config/describe.hpp"

namespace sluice::config {
namespace {

// A scalar of any type may be a reference: what it stands for is checked at load.
Json reference() { return {{"type", "string"}, {"pattern", "\\$\\{"}}; }

Json to_schema(Shape const& shape);

Json object_schema(Shape const& shape) {
    Json properties = Json::object();
    Json required = Json::array();
    for (auto const& field : shape.fields) {
        auto property = to_schema(field.shape);
        property["description"] = field.doc;
        if (!field.fallback.is_null()) property["default"] = field.fallback;
        properties[field.name] = std::move(property);
        if (field.is_required) required.push_back(field.name);
    }
    Json out;
    // A section whose settings are all commented out is null in YAML.
    out["type"] = required.empty() ? Json::array({"object", "null"}) : Json("object");
    out["properties"] = std::move(properties);
    out["additionalProperties"] = false;
    if (!required.empty()) out["required"] = std::move(required);
    return out;
}

Json map_schema(Shape const& shape) {
    Json out;
    out["type"] = Json::array({"object", "null"});
    out["additionalProperties"] = to_schema(shape.parts.front());
    out["maxProperties"] = shape.most;
    if (!shape.pattern.empty()) out["propertyNames"] = {{"pattern", shape.pattern}};
    return out;
}

Json text_schema(Shape const& shape) {
    if (!shape.choices.empty()) {
        return {{"anyOf", Json::array({Json{{"enum", shape.choices}}, reference()})}};
    }
    Json out;
    out["type"] = Json::array({"string", "number"});  // YAML takes 429 for a number
    if (!shape.pattern.empty()) out["pattern"] = "(" + shape.pattern + ")|\\$\\{";
    return out;
}

Json to_schema(Shape const& shape) {
    using Type = Shape::Type;
    switch (shape.type) {
        case Type::boolean:
            return {{"anyOf", Json::array({Json{{"type", "boolean"}}, reference()})}};
        case Type::integer: {
            Json number = {{"type", "integer"}, {"minimum", shape.least}, {"maximum", shape.most}};
            return {{"anyOf", Json::array({number, reference()})}};
        }
        case Type::fraction: {
            Json number = {{"type", "number"}, {"minimum", 0}, {"maximum", 1}};
            return {{"anyOf", Json::array({number, reference()})}};
        }
        case Type::text:
            return text_schema(shape);
        case Type::object:
            return object_schema(shape);
        case Type::list:
            return {{"type", "array"},
                    {"items", to_schema(shape.parts.front())},
                    {"minItems", shape.least},
                    {"maxItems", shape.most}};
        case Type::map:
            return map_schema(shape);
        case Type::forms: {
            Json forms = Json::array();
            for (auto const& part : shape.parts) forms.push_back(to_schema(part));
            return {{"anyOf", forms}};
        }
    }
    return {};
}

}  // namespace

std::string make_schema() {
    Json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                {"title", "sluice configuration"},
                {"description", "Made from the description that the loader uses; do not edit."}};
    out.update(to_schema(document_description().shape));
    return out.dump(2) + "\n";
}

}  // namespace sluice::config
