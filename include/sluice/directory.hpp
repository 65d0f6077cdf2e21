// Directory: credential -> Principal. Layers (YAML now) answer in order; each worker asks the same
// one.
#pragma once

#include <memory>
#include <string_view>

#include "sluice/principal.hpp"
#include "sluice/result.hpp"
#include "sluice/time.hpp"

namespace sluice {

class Directory {
  public:
    virtual ~Directory() = default;
    // Errors: invalid_api_key, expired_api_key, disabled_api_key; none of them holds the secret.
    // `loopback`: the listener the caller came through is bound to loopback (trial keys need it).
    // Any thread; no blocking; the Principal is immutable and shared.
    [[nodiscard]] virtual Result<std::shared_ptr<Principal const>> find(std::string_view secret,
                                                                        Wall::time_point now,
                                                                        bool loopback) const = 0;
};

}  // namespace sluice
