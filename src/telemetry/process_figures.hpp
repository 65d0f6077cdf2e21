// What the kernel says of this process, for the metrics. Called at each scrape; reads /proc/self.
#pragma once

#include <cstdint>

namespace sluice::telemetry {

struct ProcessFigures {
    double cpu_seconds = 0;
    std::uint64_t resident_bytes = 0;
    std::uint64_t open_fds = 0;
};

ProcessFigures read_process_figures();

}  // namespace sluice::telemetry
