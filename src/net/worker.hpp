// A worker: one thread, one event loop, its own connections, pools, timers and scratch. Nothing in
// it is shared, so nothing in it is locked. A request never leaves the worker that accepted it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "sluice/async.hpp"
#include "sluice/time.hpp"

namespace sluice::net {

class ConnectionCaps;
class Handler;
class UpstreamClient;
struct ServerOptions;
class TlsServer;

struct WorkerStats {
    std::uint64_t connections_open = 0;             // client side
    std::uint64_t connections_accepted = 0;         // in all
    std::uint64_t connections_refused = 0;          // over connections_max
    std::uint64_t connections_refused_address = 0;  // over connections_per_address_max
    std::uint64_t connections_refused_proxy = 0;    // no PROXY header, or from nobody trusted
    std::uint64_t accept_pauses = 0;                // far above the mean of the workers
    std::uint64_t slow_heads = 0;                   // cut: the head came too slowly
    std::uint64_t slow_bodies = 0;                  // cut: the body did
    std::uint64_t slow_readers = 0;                 // cut: the answer was not taken
    std::uint64_t requests_in_flight = 0;
    std::uint64_t upstream_open = 0;  // sockets to upstreams, idle ones included
    std::uint64_t upstream_idle = 0;
    std::uint64_t upstream_connects = 0;
    std::uint64_t upstream_reuses = 0;
    std::uint64_t tasks_running = 0;
};

// A listening socket the daemon opened (or inherited) and hands to each worker, one fd a worker.
struct ListenerFd {
    int fd = -1;                           // owned by the worker from add_listener on
    std::shared_ptr<TlsServer const> tls;  // null = plain
    std::string base_path;                 // "" or "/prefix": stripped from request paths
    std::uint32_t id = 0;                  // index in config, for Peer::listener
    bool proxy_protocol = false;           // every connection begins with a PROXY header
    // All workers accept from one queue. Else (SO_REUSEPORT) each has its own, which nobody else
    // can empty.
    bool shared_queue = false;
    std::shared_ptr<ConnectionCaps> caps;  // of this listener, all workers; null = one of its own
};

class Worker {
  public:
    // `index` is stable and dense from 0. Thread: construct anywhere, run() on its own thread.
    static std::unique_ptr<Worker> create(unsigned index);
    virtual ~Worker() = default;

    // The worker whose thread this is. Precondition: inside run().
    static Worker& current() noexcept;

    // Starts accepting; `handler` and `options` outlive the worker. Before run() or on its thread.
    virtual void add_listener(ListenerFd listener, Handler& handler,
                              std::shared_ptr<ServerOptions const> options) = 0;
    // This worker's thread. What the listener's connections go by from now on: a new handshake
    // takes the new certificate, open connections keep their TLS and take the new bounds with
    // their next request. `tls` is null exactly where it was. An id nobody has: nothing happens.
    virtual void update_listener(std::uint32_t id, std::shared_ptr<TlsServer const> tls,
                                 std::shared_ptr<ServerOptions const> options) = 0;

    // Runs until stop() was called and every task has ended, or the drain deadline has passed.
    virtual void run() = 0;
    // Any thread. Stops accepting, closes idle connections, lets exchanges end until `drain` has
    // passed, then cancels them (CancelReason::draining) and returns from run().
    virtual void stop(Steady::duration drain) = 0;
    // Any thread: runs fn on the worker's thread soon. Unbounded; control plane only.
    virtual void post(std::function<void()> fn) = 0;

    // This worker's thread from here on.
    // Starts a detached, named, counted task. Values in, never references that may die first.
    virtual void spawn(char const* name, Async<> task) = 0;
    // ready after `d`, cancelled when `cancel` is.
    virtual Async<Wake> sleep(Steady::duration d, Cancel& cancel) = 0;
    virtual UpstreamClient& upstreams() = 0;
    // Cancelled (draining) when a stop's deadline has passed: parent of work that outlives its
    // client.
    virtual Cancel& exchange_scope() noexcept = 0;
    // 64 KiB of scratch for one synchronous read-process-write turn; its content does not survive
    // a suspension.
    virtual std::span<char> scratch() = 0;
    [[nodiscard]] virtual unsigned index() const noexcept = 0;
    [[nodiscard]] virtual WorkerStats stats() const noexcept = 0;
};

}  // namespace sluice::net
