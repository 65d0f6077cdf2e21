#include "engine/finish.hpp"

#include <utility>

#include "base/log.hpp"
#include "engine/guarding.hpp"
#include "engine/intake.hpp"
#include "engine/reserve.hpp"
#include "engine/snapshot.hpp"
#include "engine/worker_context.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {
void note_exception(Exchange& x) noexcept {
    x.record.completed = false;
    if (x.record.status == 0) x.record.status = 500;
    try {
        x.record.error_code = to_string(ErrorCode::internal);
        x.record.error_origin = to_string(Origin::gateway);
    } catch (...) {
        log::error("an exception could not be noted: out of memory");
    }
}

void finish(Exchange& x) noexcept {
    try {
        auto& record = x.record;
        auto const now = Steady::now();
        record.total = std::chrono::duration_cast<microseconds>(now - x.client.arrived_at());
        record.caller_wait = std::chrono::duration_cast<microseconds>(x.client.waited());
        record.bytes_out = x.client.bytes_sent();
        record.client_gone =
            !record.completed && x.client.cancel().reason() == CancelReason::client_gone;
        release_body(x);
        for (auto& attempt : record.attempts) reckon_cost(x, attempt);
        if (x.limits) x.snapshot.limiter->finish(x);
        record.losses = x.losses.names();
        if (x.guards) record.guards = guards_record(x);
        if (x.worker.sink) x.worker.sink->record(std::move(record));
    } catch (...) {
        log::error("a request's record could not be made: out of memory");
    }
}

}  // namespace sluice::engine
