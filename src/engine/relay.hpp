// relay(): from the answer that has spoken to the caller, with back-pressure, reading usage on the
// way.
#pragma once

#include "engine/attempt.hpp"

namespace sluice::engine {

// Ends the caller's answer in every case; notes usage, completion and errors in the record.
Async<> relay(Exchange& x, std::unique_ptr<Answer> answer);

}  // namespace sluice::engine
