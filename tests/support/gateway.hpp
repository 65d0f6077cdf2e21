// The daemon in process, on ports of its own, with a ledger directory that goes away with it; and
// the sane client for it. Used by tests/integration and tests/property.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "daemon/daemon.hpp"
#include "support/raw_client.hpp"

namespace sluice::test {

// The config in parts; each is YAML text. Empty parts get a default.
struct GatewayConfig {
    int workers = 2;
    std::string listener;   // further members of the listener, e.g. "tls: {...}"
    std::string server;     // lines of `server:`, indented by two
    std::string defaults;   // members of server.defaults but retry's back-off, flow style
    std::string providers;  // lines of `providers:`, indented by two
    std::string routes;
    std::string keys;
    std::string admin_token;
    std::string telemetry;  // lines of `telemetry:` but log_level; else no access log
    std::string more;       // further sections, whole lines
    daemon::ProxyEnvironment proxies;
    daemon::LedgerDisks disks;
    daemon::WatchOptions watch{false, true};  // files: only where a test is about that
};

inline constexpr char test_key[] = "sk-test-client-key-0001";
inline constexpr char provider_key[] = "sk-provider-credential-0001";

// `  up: {kind: openai_compatible, base_url: ..., keys: {main: {value: ...}}}`
std::string provider_line(std::string_view name, std::string_view base_url,
                          std::string_view more = {}, std::string_view keys = {});

class Gateway {
  public:
    Gateway(GatewayConfig const& config, FakeUpstream const& upstream);
    Gateway(Gateway const&) = delete;
    Gateway& operator=(Gateway const&) = delete;
    ~Gateway();

    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::uint16_t admin_port() const;
    daemon::Daemon& daemon() { return *daemon_; }
    // Lets requests end until `drain` has passed; idempotent.
    void stop(milliseconds drain = milliseconds{5'000});

    // Writes the configuration anew, as an editor does (a new file, renamed over the old one).
    void write(GatewayConfig const& config);
    // ... and has it loaded.
    endpoint::ReloadReport reload(GatewayConfig const& config);
    [[nodiscard]] std::string config_path() const;
    [[nodiscard]] std::string yaml(GatewayConfig const& config) const;

    [[nodiscard]] std::filesystem::path const& dir() const { return dir_; }
    // The ledger's lines so far; reads the files.
    [[nodiscard]] std::vector<nlohmann::json> records() const;
    // Waits until the ledger holds at least n records.
    [[nodiscard]] std::vector<nlohmann::json> wait_for_records(std::size_t n,
                                                               milliseconds within = milliseconds{
                                                                   10'000}) const;
    // Summed over the workers; all zero once it was stopped.
    [[nodiscard]] net::WorkerStats stats() const;
    bool wait_until(std::function<bool(net::WorkerStats const&)> const& holds,
                    milliseconds within = milliseconds{10'000}) const;
    [[nodiscard]] static long resident_kb();  // of this process
    // Waits until nothing is in flight and no upstream connection is in use.
    [[nodiscard]] bool wait_until_quiet(milliseconds within = milliseconds{10'000}) const;

  private:
    std::filesystem::path dir_;
    FakeUpstream const& upstream_;
    std::unique_ptr<daemon::Daemon> daemon_;
    bool stopped_ = false;
};

// Headers of a JSON request with the test key.
Headers with_key(std::string_view key = test_key);
// {"model":"<model>","messages":[...]<more>}
std::string chat_body(std::string_view model, std::string_view more = {});
inline std::string stream_body(std::string_view model, std::string_view more = {}) {
    return chat_body(model, R"(,"stream":true)" + std::string(more));
}
Request chat_request(std::string_view body);

}  // namespace sluice::test
