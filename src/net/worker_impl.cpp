#include "net/worker_impl.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.hpp"
#include "base/turn_time.hpp"
#include "net/http1_session.hpp"
#include "net/listener.hpp"
#include "net/upstream_client.hpp"
#include "net/upstream_stream.hpp"

namespace sluice::net {
namespace {

thread_local WorkerImpl* current_ = nullptr;

// How long tasks have to end after they were cancelled at the drain deadline.
constexpr auto end_after_cancel = seconds{2};

// A precise wait with a timer of its own.
class Sleep final : private Cancel::Hook, private Reactor::Timer, private Ready {
  public:
    Sleep(WorkerImpl& worker, Steady::duration d, Cancel& cancel)
        : Timer(worker.reactor()), worker_(worker), for_(d), cancel_(&cancel) {}

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> coroutine) {
        if (!link(*cancel_) || !is_linked()) {
            wake_ = Wake::cancelled;
            return false;
        }
        coroutine_ = coroutine;
        Timer::set(Steady::now() + for_);
        return true;
    }
    Wake await_resume() const noexcept { return wake_; }

  private:
    void on_due() override {
        unlink();
        coroutine_.resume();
    }
    void on_cancel() noexcept override {
        wake_ = Wake::cancelled;
        if (!coroutine_) return;  // from within link(): await_suspend sees it
        Timer::cancel();
        worker_.ready(*this);
    }
    void run_ready() noexcept override { coroutine_.resume(); }

    WorkerImpl& worker_;
    Steady::duration for_;
    Cancel* cancel_;
    std::coroutine_handle<> coroutine_;
    Wake wake_ = Wake::ready;
};

std::string to_date_line(std::int64_t second) {
    static constexpr char const* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr char const* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t const t = second;
    tm utc{};
    ::gmtime_r(&t, &utc);
    return fmt::format("Date: {}, {:02} {} {} {:02}:{:02}:{:02} GMT\r\n", days[utc.tm_wday],
                       utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                       utc.tm_sec);
}

}  // namespace

// Runs one spawned task to its end; its frame frees itself. Linked into the worker's list so that
// what still waits when the worker ends is destroyed rather than leaked.
struct RootTask::promise_type final : Ready, InBlock {
    promise_type(WorkerImpl& w, char const*, Async<>&) noexcept : worker(w), next(w.roots_) {
        if (next) next->slot = &next;
        slot = &w.roots_;
        w.roots_ = this;
        ++w.counters_.tasks_running;
        w.ready(*this);
    }
    ~promise_type() {
        *slot = next;
        if (next) next->slot = slot;
        --worker.counters_.tasks_running;
        worker.finish_if_drained();
    }

    RootTask get_return_object() noexcept { return {}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept {}  // run_root catches

    void run_ready() noexcept override {
        std::coroutine_handle<promise_type>::from_promise(*this).resume();
    }
    void destroy() noexcept { std::coroutine_handle<promise_type>::from_promise(*this).destroy(); }

    WorkerImpl& worker;
    promise_type* next;
    promise_type** slot;
};

RootTask WorkerImpl::run_root(char const* name, Async<> task) {
    try {
        auto const result = co_await task;
        if (!result.ok()) {
            log::debug("task {} ended: {} {}", name, result.error().message, result.error().detail);
        }
    } catch (std::exception const& e) {
        log::error("task {} ended by an exception: {}", name, e.what());
    } catch (...) {
        log::error("task {} ended by an unknown exception", name);
    }
}

std::unique_ptr<Worker> Worker::create(unsigned index) {
    return std::make_unique<WorkerImpl>(index);
}

Worker& Worker::current() noexcept { return *current_; }

WorkerImpl& WorkerImpl::here() noexcept { return *current_; }

WorkerImpl::WorkerImpl(unsigned index)
    : index_(index),
      wheel_(Steady::now()),
      wheel_timer_(reactor_,
                   [this] {
                       wheel_.advance(Steady::now());
                       arm_wheel();
                   }),
      drain_timer_(reactor_, [this] { end_drain(); }),
      scratch_(new char[scratch_bytes]) {}

WorkerImpl::~WorkerImpl() { end_tasks(); }

void WorkerImpl::add_listener(ListenerFd listener, Handler& handler,
                              std::shared_ptr<ServerOptions const> options) {
    auto socket = Stream::adopt(*this, listener.fd);
    if (!socket.is_open()) {
        log::error("listener {}: its socket cannot be watched", listener.id);
        return;
    }
    auto side = std::make_shared<ServerSide>();
    side->handler = &handler;
    side->options = std::move(options);
    side->tls = std::move(listener.tls);
    side->base_path = std::move(listener.base_path);
    side->id = listener.id;
    side->proxy_protocol = listener.proxy_protocol;
    side->shared_queue = listener.shared_queue;
    side->caps = std::move(listener.caps);
    if (!side->caps) side->caps = std::make_shared<ConnectionCaps>(index_ + 1);
    side->loopback = socket.local_address().loopback;
    listening_.push_back(side);
    spawn("listener", accept_loop(*this, std::move(socket), std::move(side)));
}

void WorkerImpl::update_listener(std::uint32_t id, std::shared_ptr<TlsServer const> tls,
                                 std::shared_ptr<ServerOptions const> options) {
    for (auto const& side : listening_) {
        if (side->id != id) continue;
        side->options = options;
        if (side->tls && tls) side->tls = tls;
    }
}

Result<Stream> WorkerImpl::connect_inproc(std::shared_ptr<Handler> handler) {
    if (!handler) {
        return upstream_error(ErrorCode::upstream_connect, Retry::next, 502,
                              "the upstream cannot be reached",
                              "an in-process endpoint without its handler");
    }
    static auto const options = std::make_shared<ServerOptions const>();
    auto side = std::make_shared<ServerSide>();
    side->handler = handler.get();
    side->owned = std::move(handler);
    side->options = options;
    side->loopback = true;
    side->inproc = true;
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0) {
        return upstream_error(ErrorCode::upstream_connect, Retry::next, 502,
                              "the upstream cannot be reached", "socketpair failed");
    }
    auto server = Stream::adopt(*this, fds[0]);
    auto client = Stream::adopt(*this, fds[1]);
    if (!server.is_open() || !client.is_open()) {
        return upstream_error(ErrorCode::upstream_connect, Retry::next, 502,
                              "the upstream cannot be reached", "epoll refused a socket");
    }
    Peer peer{"inproc", 0, true, false, 0, IpAddress::local(), {}};
    spawn("inproc", serve_connection(*this, std::move(server), std::move(side), std::move(peer)));
    return client;
}

void WorkerImpl::run() {
    current_ = this;
    begin_turn();
    hangups_.start(*this);
    while (!is_stopped_) {
        try {
            while (!is_stopped_) {
                ready_.run();  // what becomes ready meanwhile waits: sockets are never starved
                reactor_.run_due();
                std::size_t gathered = 0;
                reactor_.wait(is_stopped_ || !ready_.empty(), [&] {
                    // Sends wait for one another, not for what sends by itself: a first token does
                    // not wait for the chunks of other streams.
                    bool const grows = sends_.size() > gathered;
                    gathered = sends_.size();
                    if (grows && gathered < sends_max && reactor_.has_events()) return;
                    sends_.run();
                    gathered = 0;
                });
            }
        } catch (std::exception const& e) {
            // Handlers of ours do not throw; a std::function posted from outside may.
            log::error("worker {}: {}", index_, e.what());
        }
    }
    end_tasks();
    upstreams_.reset();
    hangups_.close();
    end_turns();
    ready_.clear();
    sends_.clear();
    current_ = nullptr;
}

void WorkerImpl::end_tasks() noexcept {
    auto* const before = std::exchange(current_, this);
    ending_ = true;
    while (roots_) roots_->destroy();
    ready_.clear();
    sends_.clear();
    current_ = before;
}

void WorkerImpl::stop(Steady::duration drain) {
    post([this, drain] { begin_drain(drain); });
}

void WorkerImpl::post(std::function<void()> fn) { reactor_.post(std::move(fn)); }

void WorkerImpl::spawn(char const* name, Async<> task) { run_root(name, std::move(task)); }

Async<Wake> WorkerImpl::sleep(Steady::duration d, Cancel& cancel) {
    auto const wake = co_await Sleep{*this, d, cancel};
    co_return wake;
}

UpstreamClient& WorkerImpl::upstreams() {
    if (!upstreams_) upstreams_ = make_upstream_client(*this);
    return *upstreams_;
}

WorkerStats WorkerImpl::stats() const noexcept { return counters_; }

void WorkerImpl::ready(Ready& item) noexcept {
    if (!ending_) ready_.push(item);
}

void WorkerImpl::gather_send(Ready& send) noexcept {
    if (!ending_) sends_.push(send);
}

void WorkerImpl::set_deadline(Wheel::Entry& entry, Steady::time_point at) noexcept {
    if (wheel_.set(entry, at)) arm_wheel();
}

void WorkerImpl::arm_wheel() noexcept {
    auto const due = wheel_.next_due();
    wheel_.armed(due);
    if (due) wheel_timer_.set(*due);
}

void WorkerImpl::inproc_idle(int change) noexcept {
    inproc_idle_ += static_cast<std::uint64_t>(change);
    if (change > 0) finish_if_drained();
}

void WorkerImpl::begin_drain(Steady::duration drain) noexcept {
    draining_ = true;
    drain_timer_.set(Steady::now() + drain);
    idle_scope_.cancel(CancelReason::draining);
    finish_if_drained();
}

// At the drain's deadline, and again when tasks did not end in time after it.
void WorkerImpl::end_drain() noexcept {
    if (must_end_) {
        log::warn("worker {}: {} tasks did not end in time", index_, counters_.tasks_running);
        is_stopped_ = true;
        return;
    }
    must_end_ = true;
    exchange_scope_.cancel(CancelReason::draining);
    drain_timer_.set(Steady::now() + end_after_cancel);
}

void WorkerImpl::finish_if_drained() noexcept {
    if (!draining_ || ending_ || counters_.tasks_running > inproc_idle_) return;
    if (counters_.tasks_running == 0) {
        is_stopped_ = true;
        return;
    }
    exchange_scope_.cancel(CancelReason::draining);  // only idle in-process sessions are left
}

std::string_view WorkerImpl::date_line() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != date_second_) {
        date_second_ = now.tv_sec;
        date_line_ = to_date_line(date_second_);
    }
    return date_line_;
}

}  // namespace sluice::net
