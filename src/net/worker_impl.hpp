// The worker behind worker.hpp: reactor, ready list, wheel, root tasks, counters, drain.
//
// Called by: everything in net/ that needs the current worker. Outside net/ only worker.hpp is
// seen. Thread: the worker's, except post() and stop().
#pragma once

#include <string>
#include <vector>

#include "net/connection_caps.hpp"
#include "net/hangup.hpp"
#include "net/reactor.hpp"
#include "net/server_stream.hpp"
#include "net/stream.hpp"
#include "net/wait.hpp"
#include "net/wheel.hpp"
#include "net/worker.hpp"

namespace sluice::net {

// What a listening socket, or an in-process upstream, gives to its connections.
struct ServerSide {
    Handler* handler = nullptr;
    std::shared_ptr<Handler> owned;  // of an in-process upstream: keeps `handler`
    // Both replaced by update_listener: hold a copy of the pointer across a suspension.
    mutable std::shared_ptr<ServerOptions const> options;
    mutable std::shared_ptr<TlsServer const> tls;  // null = plain, for good
    std::string base_path;
    std::uint32_t id = 0;
    bool loopback = false;  // of the listener's local address
    bool inproc = false;
    bool proxy_protocol = false;
    bool shared_queue = false;
    // Per listener: one at its bound leaves the others theirs. Null for inproc.
    std::shared_ptr<ConnectionCaps> caps;
};

// A detached task's coroutine; the worker links them to count and, at its end, to destroy them.
struct RootTask {
    struct promise_type;
};

class WorkerImpl final : public Worker {
  public:
    explicit WorkerImpl(unsigned index);
    ~WorkerImpl() override;

    // The worker whose thread this is, as net/ sees it. Precondition: inside run().
    static WorkerImpl& here() noexcept;

    void add_listener(ListenerFd listener, Handler& handler,
                      std::shared_ptr<ServerOptions const> options) override;
    void update_listener(std::uint32_t id, std::shared_ptr<TlsServer const> tls,
                         std::shared_ptr<ServerOptions const> options) override;
    void run() override;
    void stop(Steady::duration drain) override;
    void post(std::function<void()> fn) override;
    void spawn(char const* name, Async<> task) override;
    Async<Wake> sleep(Steady::duration d, Cancel& cancel) override;
    UpstreamClient& upstreams() override;
    std::span<char> scratch() override { return {scratch_.get(), scratch_bytes}; }
    [[nodiscard]] unsigned index() const noexcept override { return index_; }
    [[nodiscard]] WorkerStats stats() const noexcept override;

    // For net/.
    // The other end of a socket pair whose server end this worker now serves with `handler`, which
    // lives as long as the connection.
    Result<Stream> connect_inproc(std::shared_ptr<Handler> handler);
    Reactor& reactor() noexcept { return reactor_; }
    WorkerStats& counters() noexcept { return counters_; }
    HangupWatch& hangups() noexcept { return hangups_; }
    void ready(Ready& item) noexcept;
    // A send that goes out together with others of this turn: send_turn.hpp.
    [[nodiscard]] bool gathers_sends() const noexcept { return reactor_.has_events(); }
    void gather_send(Ready& send) noexcept;
    void set_deadline(Wheel::Entry& entry, Steady::time_point at) noexcept;

    [[nodiscard]] bool draining() const noexcept { return draining_; }
    // Cancelled (draining) when the drain begins: waits between requests, accept loops, background
    // tasks of net/ that have nothing to finish.
    Cancel& idle_scope() noexcept { return idle_scope_; }
    // Cancelled (draining) when the drain deadline has passed. Parent of every exchange.
    Cancel& exchange_scope() noexcept override { return exchange_scope_; }
    // An in-process session waits for a request: it does not hold up the drain.
    void inproc_idle(int change) noexcept;
    // "Date: ...\r\n", refreshed once per second.
    std::string_view date_line() noexcept;

  private:
    friend struct RootTask::promise_type;

    static constexpr std::size_t scratch_bytes = 64 * 1024;
    static constexpr std::size_t sends_max = 16;  // that wait for one another

    RootTask run_root(char const* name, Async<> task);
    void arm_wheel() noexcept;
    void end_tasks() noexcept;
    void begin_drain(Steady::duration drain) noexcept;
    void end_drain() noexcept;
    void finish_if_drained() noexcept;

    unsigned index_;
    Reactor reactor_;
    Wheel wheel_;
    Reactor::Call wheel_timer_;
    Reactor::Call drain_timer_;
    HangupWatch hangups_;
    WorkerStats counters_;
    std::unique_ptr<char[]> scratch_;
    ReadyList ready_;
    ReadyList sends_;
    bool is_stopped_ = false;
    bool must_end_ = false;  // the drain's deadline has passed: what still runs gets no more time
    bool draining_ = false;
    bool ending_ = false;  // run() is over: nothing is resumed any more
    std::uint64_t inproc_idle_ = 0;
    RootTask::promise_type* roots_ = nullptr;
    Cancel idle_scope_;
    Cancel exchange_scope_;
    std::vector<std::shared_ptr<ServerSide const>> listening_;
    std::unique_ptr<UpstreamClient> upstreams_;
    std::int64_t date_second_ = -1;
    std::string date_line_;
};

}  // namespace sluice::net
