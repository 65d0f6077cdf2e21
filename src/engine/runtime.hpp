// Runtime: state that outlives a Snapshot, found by identity and not by name. Touched at build
// only; requests reach the parts through the Snapshot's shared pointers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "engine/target_health.hpp"
#include "net/server_stream.hpp"
#include "provider/provider.hpp"

namespace sluice::engine {

class Runtime {
  public:
    // `identity`: the endpoint's identity, its path and the model ("" = passed through).
    std::shared_ptr<HealthTable> target_health(std::string const& identity, bool passes_through);
    // `identity`: provider, credential and a digest of its value.
    std::shared_ptr<provider::CredentialHealth> credential_health(std::string const& identity);
    // `identity`: as one of the two above.
    std::shared_ptr<provider::CallStats> call_stats(std::string const& identity);
    // An in-process upstream; made when it is not there yet. `identity`: its name and its settings.
    std::shared_ptr<net::Handler> inproc(
        std::string const& identity, std::function<std::shared_ptr<net::Handler>()> const& make);
    // Forgets what no Snapshot holds any more.
    void sweep();

  private:
    std::map<std::string, std::shared_ptr<HealthTable>> targets_;
    std::map<std::string, std::shared_ptr<provider::CredentialHealth>> credentials_;
    std::map<std::string, std::shared_ptr<provider::CallStats>> stats_;
    std::map<std::string, std::shared_ptr<net::Handler>> inproc_;
};

}  // namespace sluice::engine
