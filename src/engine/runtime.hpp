// Runtime: state that outlives a Snapshot, found by identity and not by name. Touched at build
// only; requests reach the parts through the Snapshot's shared pointers.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/target_health.hpp"
#include "provider/provider.hpp"

namespace sluice::engine {

class Runtime {
  public:
    // `identity`: the endpoint's identity and the model.
    std::shared_ptr<TargetHealth> target_health(std::string const& identity);
    // `identity`: provider, credential and a digest of its value.
    std::shared_ptr<provider::CredentialHealth> credential_health(std::string const& identity);
    // Forgets what no Snapshot holds any more.
    void sweep();

  private:
    std::map<std::string, std::shared_ptr<TargetHealth>> targets_;
    std::map<std::string, std::shared_ptr<provider::CredentialHealth>> credentials_;
};

}  // namespace sluice::engine
