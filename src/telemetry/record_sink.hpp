// Where the engine hands over finished requests: counts them and appends them to the ledger.
// One instance per worker, used by that worker's thread; wired up by the daemon.
#pragma once

#include "sluice/error.hpp"
#include "sluice/sink.hpp"

#include "telemetry/ledger.hpp"
#include "telemetry/metrics_cells.hpp"
#include "telemetry/trace/exporter.hpp"

namespace sluice::telemetry {

class RecordSink final : public UsageSink {
  public:
    // `ledger` and `traces` may be null: nothing is kept. All outlive the sink.
    RecordSink(unsigned worker, MetricsCells& cells, Ledger* ledger,
               TraceExporter* traces = nullptr) noexcept
        : worker_(worker), cells_(cells), ledger_(ledger), traces_(traces) {}

    void record(UsageRecord&& record) noexcept override {
        cells_.on_finish(record);
        // A request refused because nothing can be recorded used nothing: it is counted only.
        if (record.error_code == to_string(ErrorCode::ledger_unavailable)) return;
        if (traces_ && record.trace.sampled) traces_->offer(worker_, record);
        if (ledger_) ledger_->append(worker_, std::move(record));
    }
    [[nodiscard]] bool refuses_new() const noexcept override {
        return ledger_ && ledger_->refuses_new();
    }

  private:
    unsigned const worker_;
    MetricsCells& cells_;
    Ledger* const ledger_;
    TraceExporter* const traces_;
};

}  // namespace sluice::telemetry
