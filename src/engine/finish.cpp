#include "engine/finish.hpp"

#include <utility>

#include "base/log.hpp"
#include "engine/intake.hpp"
#include "engine/worker_context.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {
void finish(Exchange& x) noexcept {
    try {
        auto& record = x.record;
        auto const now = Steady::now();
        record.total = std::chrono::duration_cast<microseconds>(now - x.client.arrived_at());
        record.bytes_out = x.client.bytes_sent();
        record.client_gone =
            !record.completed && x.client.cancel().reason() == CancelReason::client_gone;
        release_body(x);
        if (x.worker.sink) x.worker.sink->record(std::move(record));
    } catch (...) {
        log::error("a request's record could not be made: out of memory");
    }
}

}  // namespace sluice::engine
