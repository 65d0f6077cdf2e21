// The admin listener's first pages: /healthz (the process runs), /readyz (it can serve), /metrics.
#pragma once

#include <functional>
#include <string>

#include "sluice/endpoint.hpp"

namespace sluice::endpoint {

class Healthz final : public Endpoint {
  public:
    [[nodiscard]] std::string_view surface() const noexcept override { return "healthz"; }
    Async<> run(Exchange& x) override;
};

class Readyz final : public Endpoint {
  public:
    // "" = ready, else why not. Called on the admin listener's worker.
    using Probe = std::function<std::string()>;
    explicit Readyz(Probe probe) : probe_(std::move(probe)) {}
    [[nodiscard]] std::string_view surface() const noexcept override { return "readyz"; }
    Async<> run(Exchange& x) override;

  private:
    Probe probe_;
};

// Needs the admin token when there is one.
class MetricsPage final : public Endpoint {
  public:
    // Gathers the figures of all workers, then writes them out. On the admin listener's worker.
    using Scrape = std::function<Async<std::string>(Cancel&)>;
    explicit MetricsPage(Scrape scrape) : scrape_(std::move(scrape)) {}
    [[nodiscard]] std::string_view surface() const noexcept override { return "metrics"; }
    Async<> run(Exchange& x) override;

  private:
    Scrape scrape_;
};

}  // namespace sluice::endpoint
