// See pool.hpp.
#include "net/pool.hpp"

#include <algorithm>

#include "base/turn_time.hpp"
#include "net/worker_impl.hpp"

namespace sluice::net {

Connection::Connection(WorkerImpl& worker, std::shared_ptr<PoolGroup> group)
    : worker_(worker), group_(std::move(group)) {
    ++group_->open;
    ++worker_.counters().upstream_open;
}

Connection::~Connection() { close(); }

void Connection::close() noexcept {
    stream.unwatch(Interest::read);
    stream.close();
    Entry::clear();
    if (!std::exchange(counted_, false)) return;
    --group_->open;
    --worker_.counters().upstream_open;
}

void Connection::rest(Steady::duration expiry) noexcept {
    stream.watch(Interest::read, *this);
    worker_.set_deadline(*this, turn_time() + expiry);
    ++worker_.counters().upstream_idle;
}

bool Connection::wake() noexcept {
    --worker_.counters().upstream_idle;
    stream.unwatch(Interest::read);
    Entry::clear();
    // The watch speaks only when the event loop turns: what came since would be read as the answer.
    char unasked;
    return stream.try_read({&unasked, 1}).blocked();
}

void Connection::on_ready(Interest) noexcept {
    char unasked;
    // TLS reads its own records (session tickets) without a byte for us.
    if (stream.try_read({&unasked, 1}).blocked()) {
        stream.watch(Interest::read, *this);
        return;
    }
    drop();
}

void Connection::drop() noexcept {
    --worker_.counters().upstream_idle;
    auto const group = group_;
    std::erase_if(group->idle, [this](auto const& c) { return c.get() == this; });
}

Pool::~Pool() { retain({}); }

std::shared_ptr<PoolGroup> const& Pool::group_of(std::string const& identity) {
    auto& group = groups_[identity];
    if (!group) group = std::make_shared<PoolGroup>();
    return group;
}

std::unique_ptr<Connection> Pool::lease(std::string const& identity) {
    auto const found = groups_.find(identity);
    if (found == groups_.end()) return nullptr;
    auto& idle = found->second->idle;
    while (!idle.empty()) {
        auto connection = std::move(idle.back());
        idle.pop_back();
        if (!connection->wake()) continue;
        connection->reused = true;
        connection->connect_time = {};
        ++worker_.counters().upstream_reuses;
        return connection;
    }
    return nullptr;
}

std::unique_ptr<Connection> Pool::open(std::string const& identity) {
    auto const& group = group_of(identity);
    if (group->open >= limits_.open_per_endpoint_max) return nullptr;
    return std::make_unique<Connection>(worker_, group);
}

void Pool::give_back(std::unique_ptr<Connection> connection) {
    auto& group = connection->group();
    if (group.retired || limits_.idle_per_endpoint_max == 0 || !connection->stream.is_open())
        return;
    if (group.idle.size() >= limits_.idle_per_endpoint_max) group.idle.front()->drop();
    connection->rest(limits_.idle_expiry);
    group.idle.push_back(std::move(connection));
}

void Pool::retain(std::span<std::string const> identities) {
    for (auto& [identity, group] : groups_) {
        group->retired =
            std::find(identities.begin(), identities.end(), identity) == identities.end();
        while (group->retired && !group->idle.empty()) group->idle.back()->drop();
    }
    std::erase_if(groups_, [](auto const& g) { return g.second->retired; });
}

}  // namespace sluice::net
