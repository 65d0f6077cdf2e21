#include "guard/guard_run.hpp"

namespace sluice::guard {

std::string Placeholders::of(std::string_view label, std::string_view text) {
    std::string key{label};
    key.append("\n").append(text);
    if (auto const known = known_.find(key); known != known_.end()) return known->second;
    auto placeholder =
        "[" + std::string{label} + "_" + std::to_string(++last_[std::string{label}]) + "]";
    if (known_.size() < known_max) known_.emplace(std::move(key), placeholder);
    return placeholder;
}

void GuardRun::count(Way way, Rule const& rule, std::uint32_t matches) {
    std::string_view const guard = set.of(way).guards[rule.guard];
    for (auto& tally : tallies) {
        if (tally.guard == guard && tally.action == rule.action && tally.way == way) {
            tally.matches += matches;
            return;
        }
    }
    tallies.push_back({guard, rule.action, way, matches});
}

void GuardRun::block(std::string_view guard, std::string_view place, bool overflow,
                     bool is_unscannable) {
    if (!blocked) {
        blocked = Blocked{std::string{guard}, std::string{place}, overflow, is_unscannable};
    }
}

Error GuardRun::error(Way way) const {
    auto const where = blocked->place.empty() ? std::string{} : " in " + blocked->place;
    std::string message;
    if (blocked->unscannable) {
        message = "The guardrail '" + blocked->guard + "' cannot scan what stands" + where +
                  " and refuses it. Leave it out, or send it as text.";
    } else if (way == Way::request) {
        message = "The guardrail '" + blocked->guard + "' blocked this request: it matched" +
                  where + ". Remove what it does not let pass and send the request again.";
    } else {
        message = "The guardrail '" + blocked->guard + "' blocked the model's answer" + where +
                  ". Ask for something else.";
    }
    auto error = client_error(ErrorCode::guardrail_blocked, 400, std::move(message));
    if (blocked->overflow) error.detail = "what may have become a match was too long to hold";
    return error;
}

}  // namespace sluice::guard
