// The description of `shape`: parameter shaping of a provider. See describe.hpp.
#include <charconv>

#include "config/describe.hpp"
#include "config/names.hpp"

namespace sluice::config {
namespace {

constexpr std::int64_t members_max = 100;

// A member's name: what can stand in a request's root.
std::optional<std::string> check_member(std::string const& name) {
    bool const is_fine =
        !name.empty() && name.size() <= 64 && name.find_first_of("\"\\\n\r\t ") == name.npos;
    if (!is_fine) return "must be a member's name without spaces and quotes";
    for (auto const* governed : {"model", "messages", "stream", "stream_options"}) {
        if (name == governed) return "cannot be shaped: sluice itself depends on it";
    }
    return std::nullopt;
}

bool is_number(std::string const& text) {
    double value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && text[0] != '+';
}

// A YAML value as JSON: words in quotes are texts.
Json to_json(Node const& node) {
    switch (node.kind) {
        case Node::Kind::null:
            return nullptr;
        case Node::Kind::sequence: {
            auto list = Json::array();
            for (auto const& item : node.items) list.push_back(to_json(*item));
            return list;
        }
        case Node::Kind::map: {
            auto object = Json::object();
            for (auto const& entry : node.entries) object[entry.key] = to_json(*entry.value);
            return object;
        }
        case Node::Kind::scalar:
            break;
    }
    if (node.quoted) return node.text;
    if (node.text == "true") return true;
    if (node.text == "false") return false;
    if (is_number(node.text) && Json::accept(node.text)) return Json::parse(node.text);
    return node.text;
}

Binding<std::string> describe_json() {
    Binding<std::string> binding;
    binding.shape.says = "a value";
    binding.read = [](Reader&, Node const& node, std::string& out) { out = to_json(node).dump(); };
    return binding;
}

// The key of a `map`: a word of the request, as it stands in YAML.
template <class T>
Binding<std::map<std::string, T>> describe_map(std::string says, Binding<T> entry, Check check,
                                               bool keys_are_json = false) {
    Binding<std::map<std::string, T>> binding;
    binding.shape.type = Shape::Type::map;
    binding.shape.most = members_max;
    binding.shape.says = says;
    binding.shape.parts = {entry.shape};
    binding.read = [=](Reader& reader, Node const& node, std::map<std::string, T>& out) {
        if (node.kind != Node::Kind::map) return reader.wrong_type(node, "a map from " + says);
        if (static_cast<std::int64_t>(node.entries.size()) > members_max) {
            return reader.error(node.place, "has more than 100 entries");
        }
        for (auto const& [key, place, value] : node.entries) {
            Reader::Step const step(reader, key);
            if (check) {
                if (auto const wrong = check(key)) reader.error(place, *wrong);
            }
            bool const is_plain =
                key == "true" || key == "false" || key == "null" || is_number(key);
            auto const name = keys_are_json ? (is_plain ? key : Json(key).dump()) : key;
            entry.read(reader, *value, out[name]);
        }
    };
    return binding;
}

Binding<std::string> describe_bound() {
    return text("a number", [](std::string const& given) -> std::optional<std::string> {
        if (is_number(given)) return std::nullopt;
        return "must be a number";
    });
}

Binding<std::pair<std::string, std::string>> describe_clamp() {
    using Pair = std::pair<std::string, std::string>;
    return Described<Pair>("providers.*.shape[].clamp.*", "The range a number is held in.")
        .field("min", &Pair::first, describe_bound(), "The least.")
        .field("max", &Pair::second, describe_bound(), "The most.")
        .done();
}

}  // namespace

Binding<std::vector<Shaping>> describe_shaping() {
    auto const rule =
        Described<Shaping>(
            "providers.*.shape[]",
            "Changes to the members of a request's root, in this order: drop, rename, "
            "map, clamp, default.")
            .field("models", &Shaping::models,
                   list(text("a name or glob", check_model_pattern), 0, 100),
                   "The provider's model names it concerns; left out: all.")
            .field("drop", &Shaping::drop, list(text("a member", check_member), 0, 100),
                   "Members that are left out.")
            .field("rename", &Shaping::rename,
                   describe_map<std::string>("member to its new name",
                                             text("a member", check_member), check_member),
                   "Where both stand the new one holds.")
            .field(
                "map", &Shaping::map,
                describe_map<std::map<std::string, std::string>>(
                    "member to its values",
                    describe_map<std::string>("value to new value", describe_json(), nullptr, true),
                    check_member),
                "Values that are replaced, like `service_tier: {auto: default}`.")
            .field("clamp", &Shaping::clamp,
                   describe_map<std::pair<std::string, std::string>>(
                       "member to its range", describe_clamp(), check_member),
                   "Numbers outside are set to the nearest end.")
            .field("default", &Shaping::defaults,
                   describe_map<std::string>("member to its value", describe_json(), check_member),
                   "Members that are added where they are missing.")
            .done();
    return list(rule, 0, 100);
}

}  // namespace sluice::config
