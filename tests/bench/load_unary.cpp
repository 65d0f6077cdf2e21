// The unary modes of bench_load. Closed: each connection asks again when it is answered. Open:
// requests fall due at a fixed rate whatever the answers do, and latency counts from the due time,
// so that a stall is charged to every request it delayed (no coordinated omission).
#include <deque>

#include "load.hpp"

namespace bench {
namespace {

class Unary {
  public:
    explicit Unary(Options const& options)
        : options_(options), source_(options), clients_(options.connections) {
        for (auto& client : clients_) open(client);
    }

    void begin(Client& client, std::int64_t due_ns) {
        client.began_ns = due_ns;
        client.is_busy = true;
        client.unsent = source_.next(tally_);
        if (!send_rest(poll_, client)) fail(client);
    }

    // Reads what came; `answered(client)` when an answer is complete.
    template <class Answered>
    void wait(std::int64_t until_ns, Answered&& answered) {
        poll_.wait(until_ns, [&](Client& client, bool is_writable) {
            if (is_writable) {
                poll_.watch_write(client, false);
                if (!client.unsent.empty() && !send_rest(poll_, client)) return fail(client);
            }
            if (read(client)) answered(client);
        });
    }

    [[nodiscard]] std::uint64_t under_way() const {
        return tally_.sent - tally_.ok - tally_.refused - tally_.broken;
    }
    std::vector<Client>& clients() { return clients_; }

    int report(double seconds) const {
        std::printf(
            "{%s%s\"seconds\":%.4f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,"
            "\"p999_us\":%.1f,\"max_us\":%.1f}\n",
            tell(tally_).c_str(), source_.report().c_str(), seconds, latency_.quantile_us(.5),
            latency_.quantile_us(.9), latency_.quantile_us(.99), latency_.quantile_us(.999),
            latency_.max_us());
        return tally_.ok == tally_.sent ? 0 : 1;
    }

  private:
    void open(Client& client) {
        client.wire = source_.connect();
        if (client.wire.fd < 0) die("TLS handshake");
        client.reader.reset();
        client.plants.reset();
        client.is_busy = false;
        poll_.add(client);
    }

    void reopen(Client& client) {
        client.wire.shut();
        open(client);
    }

    void fail(Client& client) {
        if (client.is_busy) ++tally_.broken;
        reopen(client);
    }

    // True when the answer under way is complete.
    bool read(Client& client) {
        auto const n = client.wire.receive(scratch_.data(), scratch_.size());
        if (n < 0 && errno == EAGAIN) return false;
        if (n <= 0) return fail(client), false;
        std::string_view const bytes{scratch_.data(), static_cast<std::size_t>(n)};
        auto const taken =
            client.reader.feed(bytes, [&](std::string_view piece) { client.plants.look(piece); });
        if (client.reader.is_bad() || taken != bytes.size()) return fail(client), false;
        if (!client.reader.is_done()) return false;
        latency_.add(now_ns() - client.began_ns);
        ++(client.reader.status() == 200 ? tally_.ok : tally_.refused);
        tally_.plants_seen += client.plants.take();
        bool const closes = options_.is_fresh || client.reader.field("connection:") == "close";
        client.reader.reset();
        client.plants.reset();
        client.is_busy = false;
        if (closes) reopen(client);
        return true;
    }

    Options const& options_;
    Source source_;
    Poll poll_;
    std::vector<Client> clients_;
    std::vector<char> scratch_ = std::vector<char>(256 * 1024);
    Tally tally_;
    Histogram latency_;
};

std::int64_t in_ns(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

}  // namespace

int run_closed(Options const& options) {
    Unary load(options);
    auto const start = now_ns();
    auto const end = start + in_ns(options.seconds);
    for (auto& client : load.clients()) load.begin(client, now_ns());
    auto const limit = end + in_ns(5);  // for what is still under way
    while (load.under_way() > 0 && now_ns() < limit) {
        load.wait(limit, [&](Client& client) {
            if (auto const now = now_ns(); now < end) load.begin(client, now);
        });
    }
    return load.report(static_cast<double>(now_ns() - start) / 1e9);
}

int run_open(Options const& options) {
    Unary load(options);
    auto const start = now_ns();
    auto const step_ns = 1e9 / options.rate;
    auto const total = static_cast<std::uint64_t>(options.rate * options.seconds);
    auto const limit = start + in_ns(options.seconds + 60);  // below callgrind it takes that long
    std::deque<Client*> idle;
    for (auto& client : load.clients()) idle.push_back(&client);
    std::uint64_t begun = 0;
    auto const due = [&] {
        return start + static_cast<std::int64_t>(static_cast<double>(begun) * step_ns);
    };
    while ((begun < total || load.under_way() > 0) && now_ns() < limit) {
        for (; begun < total && !idle.empty() && due() <= now_ns(); ++begun) {
            auto* const client = idle.front();
            idle.pop_front();
            load.begin(*client, due());
        }
        bool const waits_for_time = begun < total && !idle.empty();
        load.wait(waits_for_time ? due() : limit, [&](Client& client) { idle.push_back(&client); });
    }
    return load.report(static_cast<double>(now_ns() - start) / 1e9);
}

}  // namespace bench
