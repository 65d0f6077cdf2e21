#include "stage/auth/yaml_directory.hpp"

#include "codec/sha256.hpp"

namespace sluice::stage {
namespace {

Error unknown_key(std::string_view secret) {
    constexpr std::string_view provider_prefixes[] = {"sk-proj-", "sk-ant-", "sk-or-", "gsk_",
                                                      "AIza"};
    for (auto const prefix : provider_prefixes) {
        if (!secret.starts_with(prefix)) continue;
        return client_error(ErrorCode::invalid_api_key, 401,
                            "This looks like a provider's own key. Send the key that sluice gave "
                            "you; provider keys belong in the gateway's config.");
    }
    return client_error(ErrorCode::invalid_api_key, 401,
                        "The API key is not known to this gateway. Check that the whole key was "
                        "sent and that it has not been removed.");
}

}  // namespace

YamlDirectory::YamlDirectory(std::vector<config::Team> const& teams, GuardsOf const& guards) {
    for (auto const& team : teams) {
        for (auto const& key : team.keys) {
            auto principal = std::make_shared<Principal>();
            principal->team = team.name;
            principal->key = key.name;
            principal->team_unrestricted = !team.models.has_value();
            principal->key_unrestricted = !key.models.has_value();
            principal->team_models = team.models.value_or(std::vector<std::string>{});
            principal->key_models = key.models.value_or(std::vector<std::string>{});
            principal->team_from = team.allow_from;
            principal->key_from = key.allow_from;
            principal->priority = key.priority == config::Priority::batch  ? Priority::batch
                                  : key.priority == config::Priority::high ? Priority::high
                                                                           : Priority::normal;
            principal->may_override = key.may_override;
            if (guards) principal->guards = guards(team.guardrails) | guards(key.guardrails);
            Entry const entry{std::move(principal), key.expires, key.disabled, key.is_trial};
            for (auto const& hash : key.hashes) {
                if (auto const digest = codec::sha256_from_hex(hash))
                    entries_.emplace(*digest, entry);
            }
        }
    }
}

Result<std::shared_ptr<Principal const>> YamlDirectory::find(std::string_view secret,
                                                             Wall::time_point now,
                                                             bool loopback) const {
    auto const found = entries_.find(codec::sha256(secret));
    if (found == entries_.end()) return unknown_key(secret);
    auto const& entry = found->second;
    if (entry.trial && !loopback) return unknown_key(secret);
    if (entry.disabled) {
        return client_error(ErrorCode::disabled_api_key, 401,
                            "This API key is disabled. Ask the gateway's operator to enable it.");
    }
    // In days: a far date in the clock's own ticks would overflow.
    if (entry.expires && std::chrono::floor<std::chrono::days>(now) >= *entry.expires) {
        return client_error(ErrorCode::expired_api_key, 401,
                            "This API key has expired. Ask the gateway's operator for a new one.");
    }
    return entry.principal;
}

}  // namespace sluice::stage
