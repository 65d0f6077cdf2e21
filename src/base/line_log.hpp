// Whole lines to a file or standard output, as they are: the outlet of the access log. Not a queue:
// the caller is off the request path already (telemetry's writer thread) and hands over batches.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sluice/result.hpp"

namespace sluice::log {

class LineLog {
  public:
    // `path` "" = standard output, else a file that is appended to; missing directories are made.
    static Result<std::unique_ptr<LineLog>> open(std::string const& path);
    virtual ~LineLog() = default;

    // One thread at a time. `lines` end in '\n' each; they are handed to the kernel before this
    // returns. False when they could not be.
    virtual bool write(std::string_view lines) noexcept = 0;
};

}  // namespace sluice::log
