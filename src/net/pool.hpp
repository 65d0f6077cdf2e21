// Connections to upstreams and where they rest: one pool a worker, a group an endpoint identity.
//
// Called by upstream_client (lease, open) and upstream_stream (give back). Last in, first out; an
// idle connection is watched, so that a FIN or an unasked byte closes it at once, and expires by
// the wheel. Ownership: a Connection belongs to its group while idle, else to whoever leased it.
// Thread: the worker's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/stream.hpp"
#include "net/tls_client.hpp"
#include "net/upstream_stream.hpp"

namespace sluice::net {

class Connection;

// What connections of one identity share. Lives as long as any of them.
struct PoolGroup {
    TlsSessions sessions;
    std::vector<std::unique_ptr<Connection>> idle;  // the back is the latest
    std::size_t open = 0;                           // idle, leased and connecting
    bool retired = false;                           // nothing comes back any more
};

class Connection final : private Stream::Watcher, private Wheel::Entry {
  public:
    Connection(WorkerImpl& worker, std::shared_ptr<PoolGroup> group);
    Connection(Connection const&) = delete;
    Connection& operator=(Connection const&) = delete;
    ~Connection();

    void close() noexcept;  // the socket, now; idempotent
    [[nodiscard]] PoolGroup& group() noexcept { return *group_; }

    Stream stream;
    Steady::duration connect_time{};
    bool reused = false;

  private:
    friend class Pool;
    void on_ready(Interest) noexcept override;  // while idle
    void on_closed() noexcept override {}
    void on_deadline() noexcept override { drop(); }
    void rest(Steady::duration expiry) noexcept;
    [[nodiscard]] bool wake() noexcept;  // false: it must not be used
    void drop() noexcept;                // destroys this

    WorkerImpl& worker_;
    std::shared_ptr<PoolGroup> group_;
    bool counted_ = true;
};

class Pool {
  public:
    explicit Pool(WorkerImpl& worker) : worker_(worker) {}
    Pool(Pool const&) = delete;
    Pool& operator=(Pool const&) = delete;
    ~Pool();

    // An idle connection, or null.
    std::unique_ptr<Connection> lease(std::string const& identity);
    // A fresh one, not connected yet; null when too many are open.
    std::unique_ptr<Connection> open(std::string const& identity);
    // Only with the answer read to its end and both sides keeping alive.
    void give_back(std::unique_ptr<Connection> connection);

    void set_limits(UpstreamLimits const& limits) { limits_ = limits; }
    [[nodiscard]] UpstreamLimits const& limits() const { return limits_; }
    void retain(std::span<std::string const> identities);

  private:
    std::shared_ptr<PoolGroup> const& group_of(std::string const& identity);

    WorkerImpl& worker_;
    UpstreamLimits limits_;
    std::unordered_map<std::string, std::shared_ptr<PoolGroup>> groups_;
};

}  // namespace sluice::net
