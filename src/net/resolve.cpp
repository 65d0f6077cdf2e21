// See resolve.hpp.
#include "net/resolve.hpp"

#include <algorithm>
#include <ares.h>
#include <arpa/inet.h>
#include <cstring>
#include <netdb.h>
#include <sys/stat.h>
#include <unordered_map>

#include "net/dial_errors.hpp"
#include "net/worker_impl.hpp"

namespace sluice::net {
namespace {

Error unresolved(Retry retry, std::string detail) {
    return upstream_error(ErrorCode::upstream_connect, retry, 502,
                          "the provider's name could not be resolved",
                          "resolve: " + std::move(detail));
}

// A lookup that is waited for: who waits, and what is known from before.
class Waiter;
struct Entry {
    Addresses addresses;
    int failed = ARES_SUCCESS;  // the name's last answer, when it was a failure
    Steady::time_point expires{};
    Steady::time_point stale_until{};
    bool asking = false;
    std::vector<Waiter*> waiters;
};

// On the list while it lives in the waiting call's frame.
class Waiter {
  public:
    explicit Waiter(Entry& entry) : entry_(entry) { entry_.waiters.push_back(this); }
    Waiter(Waiter const&) = delete;
    Waiter& operator=(Waiter const&) = delete;
    ~Waiter() { std::erase(entry_.waiters, this); }
    Event answered;

  private:
    Entry& entry_;
};

// What identifies a version of resolv.conf.
struct FileStamp {
    ino_t inode = 0;
    off_t size = 0;
    timespec changed{};
    static FileStamp of(char const* path) {
        struct stat s {};
        if (::stat(path, &s) != 0) return {};
        return {s.st_ino, s.st_size, s.st_mtim};
    }
    friend bool operator==(FileStamp const& a, FileStamp const& b) {
        return a.inode == b.inode && a.size == b.size && a.changed.tv_sec == b.changed.tv_sec &&
               a.changed.tv_nsec == b.changed.tv_nsec;
    }
};

class CaresResolver;

// One of c-ares' sockets, watched by level: one call of it need not read all. The descriptor is
// lent: taken out of the reactor before c-ares closes it.
class Watch final : private Reactor::Source {
  public:
    Watch(Reactor& reactor, CaresResolver& resolver, int fd)
        : reactor_(reactor), resolver_(resolver), fd_(fd) {}
    Watch(Watch const&) = delete;
    Watch& operator=(Watch const&) = delete;
    ~Watch() {
        if (is_added_) reactor_.remove(fd_, *this);
    }

    [[nodiscard]] int fd() const noexcept { return fd_; }
    void want(bool read, bool write) noexcept;

  private:
    void on_events(std::uint32_t events) noexcept override;

    Reactor& reactor_;
    CaresResolver& resolver_;
    int fd_;
    bool is_added_ = false;
};

class CaresResolver final : public Resolver {
  public:
    CaresResolver(WorkerImpl& worker, ResolverOptions options)
        : reactor_(worker.reactor()), options_(std::move(options)), timer_(reactor_, [this] {
              if (in_flight_ > 0) process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
          }) {
        static int const library = ares_library_init(ARES_LIB_INIT_ALL);
        static_cast<void>(library);
    }
    ~CaresResolver() override { close_channel(); }

    Async<Addresses> resolve(std::string host, Deadline deadline, Cancel& cancel) override;
    [[nodiscard]] std::uint64_t queries() const noexcept override { return queries_; }
    // May end the watch that tells of it.
    void process(ares_socket_t readable, ares_socket_t writable);

  private:
    struct Query {
        CaresResolver* resolver;
        std::string name;
    };

    std::shared_ptr<Entry> entry_of(std::string const& name);
    void make_room();
    bool open_channel();
    void close_channel();
    void ask(std::string const& name);
    static void on_answer(void* query, int status, int timeouts, ares_addrinfo* result);
    void take_answer(std::string const& name, int status, ares_addrinfo const* result);
    static void on_socket(void* self, ares_socket_t fd, int readable, int writable);
    void arm_timer();

    Reactor& reactor_;
    ResolverOptions options_;
    ares_channel channel_ = nullptr;
    FileStamp configured_{};
    Reactor::Call timer_;
    std::vector<std::unique_ptr<Watch>> watches_;
    // Shared with the calls that wait for them: one may be forgotten before its waiter has resumed.
    std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
    unsigned in_flight_ = 0;
    std::uint64_t queries_ = 0;
};

Async<Addresses> CaresResolver::resolve(std::string host, Deadline deadline, Cancel& cancel) {
    if (auto numeric = numeric_address(host); !numeric.empty()) co_return numeric;
    std::transform(host.begin(), host.end(), host.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    auto const entry = entry_of(host);
    if (options_.now() >= entry->expires) {
        Waiter waiter{*entry};
        ask(host);
        auto const woken = co_await waiter.answered.wait(cancel, deadline);
        if (woken != Wake::ready) co_return given_up(woken, cancel, "resolve", host);
    }
    if (entry->failed != ARES_SUCCESS) {
        auto const gone = entry->failed == ARES_ENOTFOUND || entry->failed == ARES_ENODATA;
        co_return unresolved(gone ? Retry::next : Retry::same,
                             host + ": " + ares_strerror(entry->failed));
    }
    co_return entry->addresses;
}

std::shared_ptr<Entry> CaresResolver::entry_of(std::string const& name) {
    if (auto const found = entries_.find(name); found != entries_.end()) return found->second;
    if (entries_.size() >= options_.names_max) make_room();
    return entries_.emplace(name, std::make_shared<Entry>()).first->second;
}

// Forgets what has expired, or else the one that expires first.
void CaresResolver::make_room() {
    auto const now = options_.now();
    auto const is_busy = [](Entry const& e) { return e.asking || !e.waiters.empty(); };
    std::erase_if(entries_,
                  [&](auto const& e) { return !is_busy(*e.second) && e.second->expires <= now; });
    if (entries_.size() < options_.names_max) return;
    auto first = entries_.end();
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
        if (is_busy(*at->second)) continue;
        if (first == entries_.end() || at->second->expires < first->second->expires) first = at;
    }
    if (first != entries_.end()) entries_.erase(first);
}

bool CaresResolver::open_channel() {
    auto const stamp = FileStamp::of("/etc/resolv.conf");
    if (channel_ && (in_flight_ > 0 || !options_.servers.empty() || stamp == configured_)) {
        return true;
    }
    close_channel();
    ares_options o{};
    o.timeout = static_cast<int>(options_.query_timeout.count());
    o.tries = options_.tries;
    o.sock_state_cb = &CaresResolver::on_socket;
    o.sock_state_cb_data = this;
    int const mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    if (ares_init_options(&channel_, &o, mask) != ARES_SUCCESS) {
        channel_ = nullptr;
        return false;
    }
    configured_ = stamp;
    return options_.servers.empty() ||
           ares_set_servers_ports_csv(channel_, options_.servers.c_str()) == ARES_SUCCESS;
}

void CaresResolver::close_channel() {
    timer_.cancel();
    watches_.clear();
    if (channel_) ares_destroy(std::exchange(channel_, nullptr));
}

void CaresResolver::ask(std::string const& name) {
    auto& entry = *entries_.at(name);
    if (entry.asking) return;
    entry.asking = true;
    ++queries_;
    if (!open_channel()) return take_answer(name, ARES_ENOTINITIALIZED, nullptr);
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ++in_flight_;
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &CaresResolver::on_answer,
                     new Query{this, name});
    arm_timer();
}

void CaresResolver::on_answer(void* arg, int status, int, ares_addrinfo* result) {
    std::unique_ptr<Query> const query{static_cast<Query*>(arg)};
    auto& self = *query->resolver;
    --self.in_flight_;
    if (status != ARES_EDESTRUCTION) self.take_answer(query->name, status, result);
    if (result) ares_freeaddrinfo(result);
}

void CaresResolver::take_answer(std::string const& name, int status, ares_addrinfo const* result) {
    auto& entry = *entries_.at(name);
    auto const now = options_.now();
    entry.asking = false;
    Addresses found;
    int ttl = 24 * 3600;
    for (auto const* n = result ? result->nodes : nullptr; n; n = n->ai_next) {
        if (n->ai_addrlen > sizeof(sockaddr_storage) || found.size() >= 32) continue;
        SocketAddress a;
        std::memcpy(&a.storage, n->ai_addr, n->ai_addrlen);
        a.length = n->ai_addrlen;
        ttl = std::min(ttl, n->ai_ttl);
        found.push_back(a);
    }
    for (auto const* c = result ? result->cnames : nullptr; c; c = c->next) {
        ttl = std::min(ttl, c->ttl);
    }
    if (status == ARES_SUCCESS && found.empty()) status = ARES_ENODATA;

    if (status == ARES_SUCCESS) {
        entry.addresses = std::move(found);
        entry.failed = ARES_SUCCESS;
        Steady::duration const keep = seconds{std::max(ttl, 0)};
        entry.expires = now + std::clamp(keep, options_.ttl_min, options_.ttl_max);
        entry.stale_until = entry.expires + options_.stale_max;
    } else if (status == ARES_ENOTFOUND || status == ARES_ENODATA) {
        entry.addresses.clear();
        entry.failed = status;
        entry.expires = now + options_.negative_ttl;
    } else if (!entry.addresses.empty() && now < entry.stale_until) {
        entry.expires = now + options_.ttl_min;  // the servers are away: what was known serves on
    } else {
        entry.addresses.clear();
        entry.failed = status;
        entry.expires = now;
    }
    for (auto* waiter : std::exchange(entry.waiters, {})) waiter->answered.notify();
}

void CaresResolver::on_socket(void* arg, ares_socket_t fd, int readable, int writable) {
    auto& self = *static_cast<CaresResolver*>(arg);
    auto at = std::find_if(self.watches_.begin(), self.watches_.end(),
                           [fd](auto const& w) { return w->fd() == fd; });
    if (!readable && !writable) {
        if (at != self.watches_.end()) self.watches_.erase(at);
        return;
    }
    if (at == self.watches_.end()) {
        at = self.watches_.insert(at, std::make_unique<Watch>(self.reactor_, self, fd));
    }
    (*at)->want(readable != 0, writable != 0);
}

void Watch::want(bool read, bool write) noexcept {
    auto const events = (read ? EPOLLIN : 0U) | (write ? EPOLLOUT : 0U);
    if (is_added_) {
        reactor_.change(fd_, *this, events);
    } else {
        is_added_ = reactor_.add(fd_, *this, events);
    }
}

void Watch::on_events(std::uint32_t events) noexcept {
    bool const failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
    resolver_.process(failed || (events & EPOLLIN) != 0 ? fd_ : ARES_SOCKET_BAD,
                      failed || (events & EPOLLOUT) != 0 ? fd_ : ARES_SOCKET_BAD);
}

void CaresResolver::process(ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(channel_, readable, writable);
    arm_timer();
}

void CaresResolver::arm_timer() {
    if (in_flight_ == 0) {
        timer_.cancel();
        return;
    }
    timeval wait{};
    if (!ares_timeout(channel_, nullptr, &wait)) return;
    timer_.set(Steady::now() + seconds{wait.tv_sec} + microseconds{wait.tv_usec} + milliseconds{1});
}

}  // namespace

void SocketAddress::set_port(std::uint16_t port) {
    if (family() == AF_INET) {
        reinterpret_cast<sockaddr_in*>(&storage)->sin_port = htons(port);
    } else if (family() == AF_INET6) {
        reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port = htons(port);
    }
}

std::string SocketAddress::text() const {
    if (family() == AF_UNIX) return "unix";
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (::getnameinfo(data(), length, host, sizeof host, port, sizeof port,
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return "?";
    }
    return family() == AF_INET6 ? "[" + std::string{host} + "]:" + port
                                : std::string{host} + ":" + port;
}

Addresses numeric_address(std::string_view host) {
    // Four numbers, or colons: getaddrinfo also reads "1" and "0x7f.1", which are names to us.
    std::string const z{host};
    in_addr four{};
    if (::inet_pton(AF_INET, z.c_str(), &four) != 1 && host.find(':') == host.npos) return {};
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (::getaddrinfo(z.c_str(), nullptr, &hints, &found) != 0) return {};
    Addresses out(1);
    std::memcpy(&out[0].storage, found->ai_addr, found->ai_addrlen);
    out[0].length = found->ai_addrlen;
    ::freeaddrinfo(found);
    return out;
}

std::unique_ptr<Resolver> Resolver::create(WorkerImpl& worker, ResolverOptions options) {
    return std::make_unique<CaresResolver>(worker, std::move(options));
}

}  // namespace sluice::net
