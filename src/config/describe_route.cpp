// The description of `routes`. See describe.hpp.
#include <algorithm>

#include "config/describe.hpp"
#include "config/names.hpp"

namespace sluice::config {
namespace {

constexpr std::int64_t weight_max = 1'000'000;
constexpr char const* target_says = "provider, or provider/model";

// What stands before the first "/" is the provider; the rest, slashes and all, its model.
std::optional<TargetRef> to_target(Reader& reader, std::string const& text, Place const& place) {
    auto const slash = text.find('/');
    TargetRef target;
    target.provider = text.substr(0, slash);
    if (slash != std::string::npos) target.model = text.substr(slash + 1);
    target.place = place;
    bool const has_empty_part =
        target.provider.empty() || (slash != std::string::npos && target.model.empty());
    if (has_empty_part || is_glob(text) || check_model_pattern(text)) {
        reader.error(place, "must be a provider, or provider/model, without spaces or '*'");
        return std::nullopt;
    }
    return target;
}

Shape target_shape() {
    Shape shape;
    shape.says = target_says;
    return shape;
}

void append_target(Reader& reader, Node const& node, Tier& out) {
    auto const text = reader.text(node, target_says);
    if (!text) return;
    auto target = to_target(reader, *text, node.place);
    if (!target) return;
    for (auto const& other : out.targets) {
        if (other.provider == target->provider && other.model == target->model) {
            return reader.error(node.place, "names a target that this tier has already");
        }
    }
    out.targets.push_back(std::move(*target));
}

void read_weighted(Reader& reader, Node const& node, Tier& out) {
    auto const weight = small_integer(1, static_cast<int>(weight_max));
    for (auto const& [key, place, value] : node.entries) {
        Reader::Step const step(reader, key);
        auto target = to_target(reader, key, place);
        int share = 1;
        weight.read(reader, *value, share);
        if (!target) continue;
        target->weight = share;
        out.targets.push_back(std::move(*target));
    }
    if (node.entries.empty()) reader.error(node.place, "must have at least one target");
}

// A target may stand twice in a list, but not in a map.
Json print_tier(Tier const& tier) {
    auto const name = [](TargetRef const& target) {
        return target.model.empty() ? target.provider : target.provider + "/" + target.model;
    };
    bool const is_weighted = std::any_of(tier.targets.begin(), tier.targets.end(),
                                         [](auto const& target) { return target.weight != 1; });
    Json printed = is_weighted ? Json::object() : Json::array();
    for (auto const& target : tier.targets) {
        if (is_weighted) printed[name(target)] = target.weight;
        if (!is_weighted) printed.push_back(name(target));
    }
    return printed;
}

// "openai/gpt-4o" | [openai, azure] | {openai: 9, azure: 1}
Binding<Tier> describe_tier() {
    Binding<Tier> one, several, weighted;
    one.shape = target_shape();
    one.read = append_target;
    several.shape.type = Shape::Type::list;
    several.shape.least = 1;
    several.shape.most = 100;
    several.shape.parts = {target_shape()};
    several.read = [](Reader& reader, Node const& node, Tier& out) {
        for (auto const& item : node.items) append_target(reader, *item, out);
        if (node.items.empty()) reader.error(node.place, "must have at least one target");
    };
    weighted.shape.type = Shape::Type::map;
    weighted.shape.most = 100;
    weighted.shape.says = target_says;
    weighted.shape.parts = {small_integer(1, static_cast<int>(weight_max)).shape};
    weighted.read = read_weighted;
    weighted.print = print_tier;
    return either<Tier>(
        {"a target, a list of targets, or a map from target to weight", one, several, weighted});
}

Binding<Route> describe_route_settings() {
    return Described<Route>("routes.*", "Where a public model name goes.")
        .field("tiers", &Route::tiers, list(describe_tier(), 1, 20),
               "The first tier is tried first; the next one when no target of it answered. A tier "
               "is a target, a list of targets, or a map from target to weight.",
               true)
        .field("timeout", &Route::timeout, describe_timeout(),
               "Over server.defaults.timeout, field by field.")
        .field("retry", &Route::retry, describe_retry(),
               "Over server.defaults.retry, field by field.")
        .field("health", &Route::health, describe_health(),
               "Over server.defaults.health, field by field.")
        .field("on_disconnect", &Route::on_disconnect, describe_on_disconnect(),
               "Over server.defaults.on_disconnect.")
        .field(
            "on_loss", &Route::on_loss,
            choice<OnLoss>({{"report", OnLoss::report}, {"reject", OnLoss::reject}}),
            "Where the provider speaks another dialect, which has no place for a part of the "
            "request: `report` names it in `x-sluice-losses`, `reject` tries the next target and "
            "else answers 400.")
        .field("many_choices", &Route::many_choices,
               choice<ManyChoices>(
                   {{"refuse", ManyChoices::refuse}, {"fan_out", ManyChoices::fan_out}}),
               "A request with `n` above 1 where the provider's dialect has no `n`: `refuse` tries "
               "the next target and else answers 400, `fan_out` sends it n times at once (at most "
               "8) and puts the answers together. Each is paid for with its own prompt.")
        .field("limits", &Route::limits, describe_limit_rules(), "What all its callers share.")
        .field("output_tokens_max", &Route::output_tokens_max, optional(integer(1, 10'000'000)),
               "Where a token or USD limit concerns a request that does not say how long its "
               "answer may be: this is set upstream. Left out: the model's own maximum.")
        .field("allow_mock", &Route::allow_mock, boolean(),
               "Lets the mock stand beside, or instead of, real providers.")
        .field("guardrails", &Route::guardrails, describe_guardrail_refs(),
               "Guardrails on top of those of server.defaults.")
        .done();
}

}  // namespace

Binding<std::vector<Route>> describe_routes() {
    Binding<Route> target;
    target.shape = target_shape();
    target.read = [](Reader& reader, Node const& node, Route& out) {
        append_target(reader, node, out.tiers.emplace_back());
    };
    auto const entry = either<Route>({"a target (provider, or provider/model), or a map with tiers",
                                      target, std::nullopt, describe_route_settings()});
    Named<Route> how{"public model name", &Route::pattern, check_model_pattern,
                     "^[^\\s*\"\\\\]*[*]?[^\\s*\"\\\\]*$"};
    how.fresh = [](Reader& reader) {
        Route route;
        route.timeout = reader.document.server.defaults.timeout;
        route.retry = reader.document.server.defaults.retry;
        route.health = reader.document.server.defaults.health;
        route.on_disconnect = reader.document.server.defaults.on_disconnect;
        return route;
    };
    return named<Route>(how, entry, 10'000);
}

}  // namespace sluice::config
