// One collector over HTTP: a POST and what came of it, with libcurl. Not for workers: it waits.
// Called by the exporter's thread, and by its owner to end a wait. Proxies: those of the
// environment, as libcurl reads them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "sluice/result.hpp"
#include "sluice/time.hpp"

#include "base/secret.hpp"

namespace sluice::telemetry {

struct CollectorOptions {
    std::string url;
    std::map<std::string, Secret> headers;
    std::string tls_ca;  // PEM file; "" = the system's
    milliseconds timeout{10'000};
};

struct CollectorAnswer {
    int status = 0;   // 0 = none came
    std::string why;  // of no answer; holds no secret
    milliseconds retry_after{0};
    std::uint64_t rejected = 0;  // spans of a partial success

    [[nodiscard]] bool is_taken() const noexcept { return status >= 200 && status < 300; }
    // OTLP: 429, 502, 503, 504, and connections that failed.
    [[nodiscard]] bool may_be_retried() const noexcept;
};

class Collector {
  public:
    static Result<std::unique_ptr<Collector>> open(CollectorOptions options);
    virtual ~Collector() = default;

    // Waits for the answer, the timeout, or `until`.
    virtual CollectorAnswer post(std::string_view body, Deadline until) = 0;
    // Any thread: a post() in progress, and all later ones, end at `until` at the latest.
    virtual void hurry(Steady::time_point until) noexcept = 0;
};

// What the body of an answer says of spans that were not taken.
std::uint64_t rejected_spans(std::string_view body);

}  // namespace sluice::telemetry
