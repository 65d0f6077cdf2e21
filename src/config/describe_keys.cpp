// The description of `keys`: teams and the keys of their callers. See describe.hpp.
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdio>

#include "base/sha256.hpp"
#include "config/describe.hpp"
#include "config/names.hpp"

namespace sluice::config {
namespace {

constexpr char const* hash_pattern = "^sha256:[0-9a-fA-F]{64}$";

std::optional<std::string> check_hash(std::string const& text) {
    bool const is_hash = text.starts_with("sha256:") && text.size() == 7 + 64 &&
                         text.find_first_not_of("0123456789abcdefABCDEF", 7) == text.npos;
    if (is_hash) return std::nullopt;
    return "must be sha256: and 64 hex digits; printf %s \"$key\" | sha256sum makes them";
}

Binding<std::string> describe_hash() {
    auto binding = text("sha256: and 64 hex digits", check_hash, hash_pattern);
    binding.read = [read = binding.read](Reader& reader, Node const& node, std::string& out) {
        std::string given;
        read(reader, node, given);
        if (given.empty()) return;
        out = given.substr(7);
        for (auto& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    };
    return binding;
}

// One hash, or two while a key is being rotated.
Binding<std::vector<std::string>> describe_hashes() {
    auto const hash = describe_hash();
    Binding<std::vector<std::string>> one;
    one.shape = hash.shape;
    one.read = [hash](Reader& reader, Node const& node, std::vector<std::string>& out) {
        hash.read(reader, node, out.emplace_back());
    };
    // Enough to tell keys apart; a weak key could be guessed from all of it.
    one.print = [](std::vector<std::string> const& hashes) {
        Json printed = Json::array();
        for (auto const& each : hashes) printed.push_back("sha256:" + each.substr(0, 8) + "...");
        return printed;
    };
    auto binding = either<std::vector<std::string>>(
        {"sha256: and 64 hex digits, or a list of them", one, list(hash, 1, 10), std::nullopt});
    binding.read = [read = binding.read](Reader& reader, Node const& node,
                                         std::vector<std::string>& out) {
        read(reader, node, out);
        std::erase(out, "");  // those already told
    };
    binding.print = one.print;
    return binding;
}

void read_value(Reader& reader, Node const& node, Key& out) {
    auto const resolved = reader.secret(node, "a secret: ${NAME} or file:/path");
    if (!resolved) return;
    if (!resolved->missing.empty()) return reader.needs_variables(node, resolved->missing);
    auto const secret = resolved->value.reveal();
    bool const is_visible = std::all_of(secret.begin(), secret.end(),
                                        [](unsigned char c) { return c > 0x20 && c < 0x7F; });
    if (secret.size() < 8 || !is_visible) {
        return reader.error(node.place,
                            "must be at least 8 characters, visible ASCII without spaces");
    }
    out.hashes.push_back(sha256_hex(secret));
}

std::optional<std::chrono::sys_days> to_date(std::string const& text) {
    int year = 0;
    unsigned month = 0, day = 0;
    auto const* at = text.data();
    bool const is_shaped = text.size() == 10 && text[4] == '-' && text[7] == '-' &&
                           std::from_chars(at, at + 4, year).ptr == at + 4 &&
                           std::from_chars(at + 5, at + 7, month).ptr == at + 7 &&
                           std::from_chars(at + 8, at + 10, day).ptr == at + 10;
    std::chrono::year_month_day const date{std::chrono::year(year), std::chrono::month(month),
                                           std::chrono::day(day)};
    if (!is_shaped || !date.ok()) return std::nullopt;
    return std::chrono::sys_days(date);
}

Binding<std::optional<std::chrono::sys_days>> describe_date() {
    Binding<std::optional<std::chrono::sys_days>> binding;
    binding.shape.says = "a date like 2027-01-31";
    binding.shape.pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
    binding.read = [](Reader& reader, Node const& node, std::optional<std::chrono::sys_days>& out) {
        auto const text = reader.text(node, "a date like 2027-01-31");
        if (!text) return;
        out = to_date(*text);
        if (!out) reader.error(node.place, "must be a date like 2027-01-31");
    };
    binding.print = [](std::optional<std::chrono::sys_days> const& date) {
        if (!date) return Json();
        std::chrono::year_month_day const day{*date};
        char printed[16];
        std::snprintf(printed, sizeof printed, "%04d-%02u-%02u", static_cast<int>(day.year()),
                      static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
        return Json(printed);
    };
    return binding;
}

constexpr std::array<std::string_view, 8> other_fields = {"expires",      "disabled",  "models",
                                                          "allow_from",   "limits",    "priority",
                                                          "may_override", "guardrails"};

void check_key(Reader& reader, Node const& node, Key& out) {
    bool const has_hash = node.find("hash") != nullptr;
    bool const has_value = node.find("value") != nullptr;
    if (has_hash && has_value) {
        reader.error(node.find("value")->place, "has both hash and value; keep one");
    }
    // A misspelt field is likely the one that is missing.
    bool const is_spelt = std::all_of(node.entries.begin(), node.entries.end(), [](auto const& e) {
        return std::find(other_fields.begin(), other_fields.end(), e.key) != other_fields.end();
    });
    if (!has_hash && !has_value && is_spelt) {
        reader.error(out.place,
                     "needs a hash (or a value); printf %s \"$key\" | sha256sum makes it");
    }
    out.is_trial =
        std::find(out.hashes.begin(), out.hashes.end(), sha256_hex(trial_key)) != out.hashes.end();
}

Binding<Key> describe_key() {
    Shape value;
    value.says = "a secret: ${NAME} or file:/path";
    value.is_secret = true;
    return Described<Key>("keys.*.keys.*", "One key. It has a hash or a value.")
        .field("hash", &Key::hashes, describe_hashes(),
               "`sha256:` and the hex SHA-256 of the key; a list while it is being rotated.")
        .field("value", value, "The key itself, as `${NAME}` or `file:/path`; hashed at load.",
               read_value)
        .printed([](Key const&) { return Json(); })  // hashed at load: see hash
        .field("expires", &Key::expires, describe_date(),
               "The first day it is refused, UTC. Left out: never.")
        .field("disabled", &Key::disabled, boolean(), "`true` refuses it.")
        .field("models", &Key::models, optional(describe_models()),
               "Model names and globs; narrows the team's, never widens them.")
        .field("allow_from", &Key::allow_from, optional(describe_networks()),
               "Addresses and networks it may be used from, `unix` for Unix sockets; narrows the "
               "team's. Left out: from anywhere the team may.")
        .field("limits", &Key::limits, describe_limit_rules(), "Its own limits, beside its team's.")
        .field("priority", &Key::priority,
               choice<Priority>({{"batch", Priority::batch},
                                 {"normal", Priority::normal},
                                 {"high", Priority::high}}),
               "Which share of each cap it may fill: see `shares` of the limits.")
        .field("may_override", &Key::may_override, boolean(),
               "`true`: `x-sluice-timeout-ms` and `x-sluice-retries` may also go beyond what the "
               "route says.")
        .field("guardrails", &Key::guardrails, describe_guardrail_refs(),
               "Guardrails on top of its team's.")
        .afterwards(check_key)
        .done();
}

}  // namespace

Binding<std::vector<std::string>> describe_models() {
    auto entry = text("a model name or glob", check_model_pattern);
    entry.read = [read = entry.read](Reader& reader, Node const& node, std::string& out) {
        auto const errors = reader.error_count();
        read(reader, node, out);
        if (reader.error_count() != errors) return;
        reader.model_references.push_back({out, reader.path(), node.place});
    };
    return list(entry, 0, 1000);
}

Binding<std::vector<Team>> describe_teams() {
    auto const team =
        Described<Team>("keys.*", "A team: what its keys share.")
            .field("models", &Team::models, optional(describe_models()),
                   "Model names and globs it may use; left out: every route.")
            .field("allow_from", &Team::allow_from, optional(describe_networks()),
                   "Addresses and networks its keys may be used from; left out: "
                   "anywhere.")
            .field("limits", &Team::limits, describe_limit_rules(), "What its keys share.")
            .field("user_limits", &Team::user_limits, describe_limit_rules(),
                   "What each end user (`user`) of the team has; requests that name "
                   "none share one.")
            .field("guardrails", &Team::guardrails, describe_guardrail_refs(),
                   "Guardrails on top of those of server.defaults.")
            .field("keys", &Team::keys,
                   named<Key>({"key name", &Key::name, check_name, name_pattern}, describe_key(),
                              10'000),
                   "Its keys by name.", true)
            .afterwards([](Reader&, Node const&, Team& out) {
                for (auto& key : out.keys) key.team = out.name;
            })
            .done();
    return named<Team>({"team name", &Team::name, check_name, name_pattern}, team, 10'000);
}

}  // namespace sluice::config
