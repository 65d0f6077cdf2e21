// Sums the workers' cells into Prometheus families. A cold path: runs at each scrape.
#include "telemetry/metrics.hpp"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include "telemetry/metric_families.hpp"

namespace sluice::telemetry {

class Metrics::Collector final : public prometheus::Collectable {
  public:
    Collector(AllCells const& cells, std::string version, MetricsSources sources)
        : cells_(cells), version_(std::move(version)), sources_(std::move(sources)) {}

    [[nodiscard]] std::vector<MetricFamily> Collect() const override {
        std::vector<MetricFamily> families;
        add_single(families, MetricType::Gauge, "sluice_build_info", "Always 1.", 1,
                   {{"version", version_}});
        add_worker_cells(families, cells_);
        add_sources(families, sources_);
        return families;
    }

  private:
    AllCells const& cells_;
    std::string const version_;
    MetricsSources const sources_;
};

Metrics::Metrics(unsigned workers, std::string version, MetricsSources sources) {
    for (unsigned i = 0; i < workers; ++i) cells_.push_back(std::make_unique<MetricsCells>());
    collector_ = std::make_unique<Collector>(cells_, std::move(version), std::move(sources));
}

Metrics::~Metrics() = default;

std::string Metrics::scrape() const {
    return prometheus::TextSerializer{}.Serialize(collector_->Collect());
}

}  // namespace sluice::telemetry
