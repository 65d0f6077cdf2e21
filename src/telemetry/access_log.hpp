// The access log: one line a request, from its UsageRecord, as JSON or text, to a file or standard
// output. Called by the ledger's threads, one at a time; calls queued_lines.
#pragma once

#include <memory>
#include <string>

#include "sluice/result.hpp"
#include "sluice/usage_record.hpp"

#include "base/line_log.hpp"

namespace sluice::telemetry {

class AccessLog {
  public:
    enum class Format { json, text };

    // `path` "" = standard output. Lines are written by a thread of their own.
    // `sample`: the share of the requests answered well that is written, 0 to 1.
    static Result<std::unique_ptr<AccessLog>> open(Format format, std::string const& path,
                                                   double sample = 1);
    AccessLog(Format format, std::unique_ptr<log::LineLog> out, double sample = 1)
        : format_(format), sample_(sample), out_(std::move(out)) {}

    void append(UsageRecord const& record);
    // Hands over what was appended. False: these lines or earlier ones are lost.
    bool flush() noexcept;

  private:
    [[nodiscard]] bool is_wanted(UsageRecord const& record) const;

    Format const format_;
    double const sample_;
    std::unique_ptr<log::LineLog> out_;
    std::string lines_;
};

// The lines by themselves, newline included.
void append_access_json(std::string& out, UsageRecord const& record);
void append_access_text(std::string& out, UsageRecord const& record);

}  // namespace sluice::telemetry
