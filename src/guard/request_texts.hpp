// Walks a request body, whatever its dialect, and has the guards look at every text in it, a part
// at a time. Called by engine (guard_request); calls Search. Bodies have passed read_request: valid
// JSON, bounded nesting.
#pragma once

#include <memory>
#include <string_view>

#include "sluice/dialect.hpp"

#include "guard/find.hpp"

namespace sluice::guard {

// Every string is a text but names, ids and types; strings called `arguments` hold JSON; what is
// base64 or tokens cannot be read.
class RequestScan {
  public:
    // All outlive it. `patches`: what is redacted.
    RequestScan(GuardRun& run, std::string_view body, Patches& patches);
    ~RequestScan();
    RequestScan(RequestScan const&) = delete;
    RequestScan& operator=(RequestScan const&) = delete;

    // Blocked: the run says where. Not to be called again unless there is more.
    Progress step(Budget budget);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

// All of a body at once.
Outcome guard_body(GuardRun& run, std::string_view body, Patches& patches);

// One JSON value of a body: a string, or any value where `kind` is json. `patches` are in offsets
// from `origin`, which the value is part of.
Outcome guard_value(GuardRun& run, Way way, std::string_view value, TextKind kind,
                    char const* origin, Patches& patches);

// Something that cannot be read stands there.
Outcome note_unscannable(GuardRun& run, Way way);

}  // namespace sluice::guard
