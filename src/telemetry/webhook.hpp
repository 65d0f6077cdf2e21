// Webhook: small JSON messages to a URL of the operator's, signed, tried again, in order. A thread of
// its own sends; send() only queues. The daemon owns it; the budget watch calls send().
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "sluice/time.hpp"

#include "base/secret.hpp"

namespace sluice::telemetry {

// "t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">"
std::string webhook_signature(Secret const& secret, std::int64_t unix_s, std::string_view body);

struct WebhookOptions {
    std::string url;
    Secret secret;  // empty: not signed
    milliseconds timeout{5'000};
    int attempts_max = 8;
    milliseconds pause{500};  // before the second try; doubles, up to a minute
};

struct WebhookCounters {
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;   // tries
    std::uint64_t dropped = 0;  // given up: tried too often, refused, or the queue was full
};

class Webhook {
  public:
    static constexpr std::size_t queue_max = 1000;

    explicit Webhook(WebhookOptions options);
    ~Webhook();  // stops
    Webhook(Webhook const&) = delete;
    Webhook& operator=(Webhook const&) = delete;

    // Any thread but a worker's.
    void send(std::string body);
    // Ends a try that is under way; what is queued is dropped and counted. Idempotent.
    void stop();
    [[nodiscard]] WebhookCounters counters() const noexcept;

  private:
    enum class Sent { taken, refused, failed };

    void run();
    Sent post(std::string const& body);
    // False: stopping.
    bool deliver(std::string const& body);

    WebhookOptions const options_;
    std::atomic<std::uint64_t> sent_{0}, failed_{0}, dropped_{0};
    std::atomic<bool> is_stopping_{false};
    std::mutex mutex_;  // all below
    std::condition_variable wake_;
    std::deque<std::string> queue_;
    std::thread thread_;
};

}  // namespace sluice::telemetry
