#include "telemetry/queued_lines.hpp"

#include <thread>
#include <utility>

#include "base/background.hpp"

namespace sluice::telemetry {

QueuedLines::QueuedLines(std::unique_ptr<log::LineLog> out) : queue_(std::make_shared<Queue>()) {
    queue_->out = std::move(out);
    std::thread{[queue = queue_] { write_on(*queue); }}.detach();
}

QueuedLines::~QueuedLines() {
    std::unique_lock lock{queue_->mutex};
    queue_->must_end = true;
    queue_->changed.notify_all();
    queue_->changed.wait_for(lock, end_within, [this] { return queue_->has_ended; });
}

bool QueuedLines::write(std::string_view lines) noexcept {
    try {
        std::lock_guard const lock{queue_->mutex};
        if (queue_->lines.size() + lines.size() > bytes_max) return false;
        queue_->lines += lines;
        queue_->changed.notify_all();
        return !std::exchange(queue_->has_failed, false);
    } catch (...) {
        return false;
    }
}

void QueuedLines::write_on(Queue& queue) {
    run_in_background("access-log");
    std::string taken;
    std::unique_lock lock{queue.mutex};
    for (;;) {
        queue.changed.wait(lock, [&] { return queue.must_end || !queue.lines.empty(); });
        if (queue.lines.empty()) break;
        taken.clear();
        std::swap(taken, queue.lines);
        lock.unlock();
        bool const done = queue.out->write(taken);
        lock.lock();
        if (!done) queue.has_failed = true;
    }
    queue.out.reset();
    queue.has_ended = true;
    queue.changed.notify_all();
}

}  // namespace sluice::telemetry
