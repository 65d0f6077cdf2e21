// Prometheus families as a scrape makes them. Called by metrics*.cpp; a cold path: runs at each
// scrape.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <prometheus/metric_family.h>
#include <string>
#include <utility>
#include <vector>

#include "telemetry/metrics.hpp"

namespace sluice::telemetry {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using AllCells = std::vector<std::unique_ptr<MetricsCells>>;

// One family being summed over workers: a label set met again is added to, not repeated.
class Sum {
  public:
    Sum(MetricType type, std::string name, std::string help) {
        family_.type = type;
        family_.name = std::move(name);
        family_.help = std::move(help);
    }

    void count(Labels const& labels, std::uint64_t value) {
        at(labels).counter.value += static_cast<double>(value);
    }

    void amount(Labels const& labels, double value) { at(labels).counter.value += value; }

    template <std::size_t N>
    void histogram(Labels const& labels, HistogramCells<N> const& cells, double unit) {
        auto& into = at(labels).histogram;
        into.bucket.resize(N + 1);
        std::uint64_t cumulative = 0;
        for (std::size_t i = 0; i <= N; ++i) {
            cumulative += cells.count(i);
            into.bucket[i].cumulative_count += cumulative;
            into.bucket[i].upper_bound = i < N ? static_cast<double>(cells.bounds()[i]) / unit
                                               : std::numeric_limits<double>::infinity();
        }
        into.sample_count += cumulative;
        into.sample_sum += static_cast<double>(cells.sum()) / unit;
    }

    void level(Labels const& labels, double value) { at(labels).gauge.value = value; }

    void into(std::vector<MetricFamily>& families) && {
        for (auto& [labels, metric] : metrics_) {
            metric.label = labels;
            family_.metric.push_back(std::move(metric));
        }
        if (!family_.metric.empty()) families.push_back(std::move(family_));
    }

  private:
    ClientMetric& at(Labels const& labels) { return metrics_[labels]; }

    MetricFamily family_;
    std::map<Labels, ClientMetric> metrics_;
};

inline void add_single(std::vector<MetricFamily>& families, MetricType type, std::string name,
                       std::string help, double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    families.push_back({std::move(name), std::move(help), type, {std::move(metric)}});
}

inline void add_counter(std::vector<MetricFamily>& families, std::string name, std::string help,
                        std::uint64_t value) {
    add_single(families, MetricType::Counter, std::move(name), std::move(help),
               static_cast<double>(value));
}

inline void add_gauge(std::vector<MetricFamily>& families, std::string name, std::string help,
                      double value) {
    add_single(families, MetricType::Gauge, std::move(name), std::move(help), value);
}

// What the workers counted, summed: metrics_workers.cpp.
void add_worker_cells(std::vector<MetricFamily>& families, AllCells const& all);
// What others are asked for, and of the process: metrics_sources.cpp.
void add_sources(std::vector<MetricFamily>& families, MetricsSources const& sources);

}  // namespace sluice::telemetry
