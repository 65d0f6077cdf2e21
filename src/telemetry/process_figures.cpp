// Reads getrusage and /proc/self. A figure that cannot be read stays 0.
#include "telemetry/process_figures.hpp"

#include <filesystem>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

namespace sluice::telemetry {
namespace {

double to_seconds(timeval time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessFigures read_process_figures() {
    ProcessFigures figures;
    rusage usage{};
    if (::getrusage(RUSAGE_SELF, &usage) == 0) {
        figures.cpu_seconds = to_seconds(usage.ru_utime) + to_seconds(usage.ru_stime);
    }
    std::ifstream statm{"/proc/self/statm"};
    std::uint64_t size_pages = 0;
    std::uint64_t resident_pages = 0;
    if (statm >> size_pages >> resident_pages) {
        figures.resident_bytes = resident_pages * static_cast<std::uint64_t>(::getpagesize());
    }
    std::error_code failed;
    for (std::filesystem::directory_iterator fds{"/proc/self/fd", failed}, end;
         !failed && fds != end; fds.increment(failed)) {
        ++figures.open_fds;
    }
    return figures;
}

}  // namespace sluice::telemetry
