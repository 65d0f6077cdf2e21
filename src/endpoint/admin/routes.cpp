#include "endpoint/admin/routes.hpp"

#include "sluice/json.hpp"

#include "engine/plan.hpp"

namespace sluice::endpoint {
namespace {

using engine::Route;
using engine::Target;

std::int64_t to_ms(Steady::duration d) {
    return std::chrono::duration_cast<milliseconds>(d).count();
}

// A pass-through target has the health of many models: "skipped" tells that some of them rest.
void write_target(json::Writer& out, Target const& target, Steady::time_point now) {
    out.begin_object().member("provider", target.provider->name);
    if (!target.model.empty()) out.member("model", target.model);
    out.member("weight", target.weight);
    auto const skipped_until = target.health->skipped_until(now);
    if (!target.provider->is_available()) {
        out.member("state", "no_credential");
    } else if (skipped_until) {
        out.member("state", "skipped").member("for_ms", to_ms(*skipped_until - now));
    } else {
        out.member("state", "open");
    }
    out.end_object();
}

void write_route(json::Writer& out, Route const& route, Steady::time_point now) {
    out.begin_object().member("model", route.name).key("tiers").begin_array();
    for (auto const& tier : route.tiers) {
        out.begin_array();
        for (auto const& target : tier.targets) write_target(out, target, now);
        out.end_array();
    }
    out.end_array();
    out.key("timeout").begin_object();
    out.member("connect_ms", to_ms(route.timeout.connect));
    out.member("first_byte_ms", to_ms(route.timeout.first_byte));
    out.member("idle_ms", to_ms(route.timeout.idle));
    out.member("total_ms", to_ms(route.timeout.total)).end_object();
    out.key("retry").begin_object();
    out.member("attempts_max", route.retry.attempts_max);
    out.member("backoff_ms", to_ms(route.retry.backoff));
    out.member("backoff_max_ms", to_ms(route.retry.backoff_max)).end_object();
    out.key("health").begin_object();
    out.member("failures_in_a_row", route.health.failures_in_a_row);
    out.member("skip_ms", to_ms(route.health.skip)).end_object();
    out.end_object();
}

}  // namespace

std::string routes_json(engine::Snapshot const& snapshot, Steady::time_point now) {
    json::Writer out;
    out.begin_object().member("trial", snapshot.trial).key("routes").begin_array();
    for (auto const* route : snapshot.routes.in_match_order()) write_route(out, *route, now);
    out.end_array().end_object();
    return out.take() + "\n";
}

}  // namespace sluice::endpoint
