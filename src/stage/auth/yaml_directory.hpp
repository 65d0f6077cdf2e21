// The Directory layer of `keys:` in the config: SHA-256 of a secret -> Principal. Immutable.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "sluice/directory.hpp"

#include "config/document.hpp"

namespace sluice::stage {

class YamlDirectory final : public Directory {
  public:
    // `guards`: the bits of guardrails by their names (Principal::guards).
    using GuardsOf = std::function<std::uint64_t(std::vector<config::GuardrailRef> const&)>;
    explicit YamlDirectory(std::vector<config::Team> const& teams, GuardsOf const& guards = {});

    [[nodiscard]] Result<std::shared_ptr<Principal const>> find(std::string_view secret,
                                                                Wall::time_point now,
                                                                bool loopback) const override;

  private:
    using Digest = std::array<std::uint8_t, 32>;
    struct DigestHash {  // a digest is uniform: its first bytes are a hash
        std::size_t operator()(Digest const& digest) const noexcept {
            std::size_t hash = 0;
            std::memcpy(&hash, digest.data(), sizeof hash);
            return hash;
        }
    };
    struct Entry {
        std::shared_ptr<Principal const> principal;
        std::optional<std::chrono::sys_days> expires;
        bool disabled = false;
        bool trial = false;
    };

    std::unordered_map<Digest, Entry, DigestHash> entries_;
};

}  // namespace sluice::stage
