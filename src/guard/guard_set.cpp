#include "guard/guard_set.hpp"

#include <algorithm>
#include <array>

#include "guard/pattern.hpp"

namespace sluice::guard {
namespace {

struct Detector {
    std::string_view name;
    std::string_view label;
    std::unique_ptr<Matcher> (*make)();
};

constexpr Detector detectors[] = {
    {"secrets", "SECRET", make_secrets},
    {"email", "EMAIL", make_email},
    {"phone", "PHONE", make_phone},
    {"credit_card", "CREDIT_CARD", make_credit_card},
    {"iban", "IBAN", make_iban},
    {"ip", "IP", make_ip},
    {"us_ssn", "US_SSN", make_us_ssn},
    {"url_credentials", "URL_CREDENTIALS", make_url_credentials},
};

constexpr std::string_view names[] = {"secrets", "email", "phone",  "credit_card",
                                      "iban",    "ip",    "us_ssn", "url_credentials"};

Detector const* find_detector(std::string_view name) noexcept {
    for (auto const& detector : detectors) {
        if (detector.name == name) return &detector;
    }
    return nullptr;
}

// A pattern's placeholders are named after its guard.
std::string label_of(std::string_view guard) {
    std::string label;
    for (char const c : guard) {
        label += is_lower(c) ? static_cast<char>(c - 32) : is_alnum(c) ? c : '_';
    }
    return label;
}

// The same matcher under several guards is one rule: the strictest.
void add_rule(Rules& rules, Rule rule, std::string const& guard) {
    auto name = std::find(rules.guards.begin(), rules.guards.end(), guard);
    rule.guard = static_cast<unsigned>(name - rules.guards.begin());
    if (name == rules.guards.end()) rules.guards.push_back(guard);
    for (auto& other : rules.rules) {
        if (other.matcher != rule.matcher) continue;
        auto const hold = std::min(other.hold_bytes_max, rule.hold_bytes_max);
        auto const overflow = std::max(other.on_overflow, rule.on_overflow);
        if (rule.action > other.action) other = std::move(rule);
        other.hold_bytes_max = hold;
        other.on_overflow = overflow;
        return;
    }
    rules.rules.push_back(std::move(rule));
}

// One pass for all that say what their matches begin with.
void find_starts(Rules& rules) {
    std::vector<Starts::Entry> entries;
    for (unsigned i = 0; i < rules.rules.size(); ++i) {
        auto& rule = rules.rules[i];
        auto leads = rule.matcher->leads();
        if (leads.empty() || entries.size() + leads.size() > Starts::leads_max) {
            rules.without_leads.push_back(i);
            continue;
        }
        rule.has_leads = true;
        for (auto& lead : leads) entries.push_back({std::move(lead), i});
    }
    rules.starts = Starts::create(std::move(entries));
}

// Mostly both ways look for the same: one pass serves both.
bool same_matchers(Rules const& a, Rules const& b) noexcept {
    return std::equal(
        a.rules.begin(), a.rules.end(), b.rules.begin(), b.rules.end(),
        [](Rule const& one, Rule const& other) { return one.matcher == other.matcher; });
}

void take_starts(Rules const& from, Rules& to) {
    to.starts = from.starts;
    to.without_leads = from.without_leads;
    for (std::size_t i = 0; i < to.rules.size(); ++i) {
        to.rules[i].has_leads = from.rules[i].has_leads;
    }
}

}  // namespace

std::string_view to_string(Action action) noexcept {
    return action == Action::flag ? "flag" : action == Action::redact ? "redact" : "block";
}

std::span<std::string_view const> detector_names() noexcept { return names; }

Result<std::unique_ptr<GuardBook>> GuardBook::create(std::vector<Guard> guards) {
    std::unique_ptr<GuardBook> book{new GuardBook};
    book->guards_ = std::move(guards);
    for (auto const& guard : book->guards_) {
        for (auto const& name : guard.detect) {
            auto const* detector = find_detector(name);
            if (!detector) {
                return gateway_error(ErrorCode::internal, 500, "no detector is named " + name);
            }
            auto& matcher = book->matchers_[name];
            if (!matcher) matcher = detector->make();
        }
        for (auto const& pattern : guard.patterns) {
            auto& matcher = book->matchers_["/" + pattern];
            if (matcher) continue;
            auto made = make_pattern(pattern);
            if (!made) return std::move(made).error();
            matcher = std::move(*made);
        }
    }
    return book;
}

Result<Rules> GuardBook::compile(Mask mask, Way way) const {
    Rules rules;
    for (std::size_t i = 0; i < guards_.size(); ++i) {
        auto const& guard = guards_[i];
        bool const applies =
            (mask >> i & 1) != 0 && (way == Way::request ? guard.on_request : guard.on_response);
        if (!applies) continue;
        Rule rule;
        rule.action = guard.action;
        rule.hold_bytes_max = guard.hold_bytes_max;
        rule.on_overflow = guard.on_overflow;
        for (auto const& name : guard.detect) {
            rule.matcher = matchers_.find(name)->second;
            rule.label = find_detector(name)->label;
            add_rule(rules, rule, guard.name);
        }
        for (auto const& pattern : guard.patterns) {
            rule.matcher = matchers_.find("/" + pattern)->second;
            rule.label = label_of(guard.name);
            add_rule(rules, rule, guard.name);
        }
        if (guard.on_unscannable == OnUnscannable::reject && !rules.rejects_unscannable) {
            rules.rejects_unscannable = true;
            rules.rejecting_guard = guard.name;
        }
    }
    for (auto const& rule : rules.rules) {
        if (!rule.holds()) continue;
        bool const is_first = rules.hold_bytes_max == 0;
        rules.on_overflow = std::max(rules.on_overflow, rule.on_overflow);
        rules.hold_bytes_max =
            is_first ? rule.hold_bytes_max : std::min(rules.hold_bytes_max, rule.hold_bytes_max);
    }
    return rules;
}

Result<void> GuardBook::add(Mask mask) {
    if (mask == 0 || sets_.count(mask) != 0) return {};
    auto request = compile(mask, Way::request);
    if (!request) return std::move(request).error();
    auto response = compile(mask, Way::response);
    if (!response) return std::move(response).error();
    find_starts(*request);
    if (same_matchers(*request, *response)) {
        take_starts(*request, *response);
    } else {
        find_starts(*response);
    }
    auto set = std::make_unique<GuardSet>();
    set->request = std::move(*request);
    set->response = std::move(*response);
    sets_.emplace(mask, std::move(set));
    return {};
}

GuardSet const* GuardBook::find(Mask mask) const noexcept {
    auto const at = sets_.find(mask);
    return at == sets_.end() ? nullptr : at->second.get();
}

GuardBook::Mask GuardBook::mask_of(std::span<std::string const> wanted) const noexcept {
    Mask mask = 0;
    for (std::size_t i = 0; i < guards_.size(); ++i) {
        if (std::find(wanted.begin(), wanted.end(), guards_[i].name) != wanted.end()) {
            mask |= Mask{1} << i;
        }
    }
    return mask;
}

}  // namespace sluice::guard
