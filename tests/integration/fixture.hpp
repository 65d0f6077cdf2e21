// The fixture of the integration tests. After each test it asks of the daemon: as many ledger
// records as requests were sent, as many tokens as the upstream reported, nothing in flight, no
// upstream socket left.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "support/fake_upstream.hpp"
#include "support/gateway.hpp"
#include "support/raw_client.hpp"

namespace sluice::test {

class Integration : public testing::Test {
  protected:
    void start(GatewayConfig const& config = {}) {
        gateway = std::make_unique<Gateway>(config, upstream);
    }
    void TearDown() override;

    // Each counts as one request.
    Answer ask(Request const& request, milliseconds within = milliseconds{20'000});
    Answer chat(std::string_view body) { return ask(chat_request(body)); }
    // A connection with this request on its way.
    std::unique_ptr<RawClient> begin(Request const& request, int receive_buffer = 0);
    void count_request(std::size_t n = 1) { sent += n; }

    [[nodiscard]] nlohmann::json last_record();
    // Stops the daemon early, for tests that look at records afterwards.
    std::vector<nlohmann::json> all_records();

    FakeUpstream upstream;
    std::unique_ptr<Gateway> gateway;
    std::size_t sent = 0;
    bool compare_tokens = true;  // off where the upstream reports what the gateway cannot have read
};

// The error's code in an OpenAI error body, "" when it is none.
std::string error_code(Answer const& answer);
std::string error_message(Answer const& answer);

}  // namespace sluice::test
