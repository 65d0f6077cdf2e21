// The streaming modes of bench_load. Stream: opens N streams and reads each to its end; the delay
// of a chunk is its arrival minus the stamp the mock wrote into it. Idle: opens N streams, says
// "ready" when each has had its first chunk, holds them until standard input closes, then prints
// the counts and drops them.
#include <charconv>

#include "load.hpp"

namespace bench {
namespace {

class Streams {
  public:
    explicit Streams(Options const& options)
        : options_(options), source_(options), clients_(options.connections) {}

    ~Streams() {
        for (auto& client : clients_) client.wire.shut();
    }

    void open(Client& client) {
        client.wire = source_.connect();
        client.is_busy = true;
        client.began_ns = now_ns();
        client.unsent = source_.next(tally_);
        if (client.wire.fd < 0) return end(client, tally_.broken);
        poll_.add(client);
        if (!send_rest(poll_, client)) end(client, tally_.broken);
    }

    void wait(std::int64_t until_ns) {
        poll_.wait(until_ns, [&](Client& client, bool is_writable) {
            if (is_writable) {
                poll_.watch_write(client, false);
                if (!client.unsent.empty() && !send_rest(poll_, client))
                    return end(client, tally_.broken);
            }
            read(client);
        });
    }

    [[nodiscard]] std::uint64_t under_way() const {
        return tally_.sent - tally_.ok - tally_.refused - tally_.broken;
    }
    [[nodiscard]] std::uint64_t speaking() const { return first_chunk_.count(); }
    [[nodiscard]] std::uint64_t given_up() const { return tally_.refused + tally_.broken; }
    std::vector<Client>& clients() { return clients_; }
    [[nodiscard]] Tally const& tally() const { return tally_; }

    int report(double seconds) const {
        auto const failed = given_up() + under_way();
        auto const expected = tally_.sent * options_.chunks;
        std::printf(
            "{%s%s\"chunks\":%llu,\"lost\":%llu,\"stalls\":%llu,\"seconds\":%.4f,"
            "\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
            "\"max_us\":%.1f,\"first_p50_us\":%.1f,\"first_p99_us\":%.1f}\n",
            tell(tally_).c_str(), source_.report().c_str(),
            static_cast<unsigned long long>(delay_.count()),
            static_cast<unsigned long long>(expected - std::min(expected, delay_.count())),
            static_cast<unsigned long long>(stalls_), seconds, delay_.quantile_us(.5),
            delay_.quantile_us(.9), delay_.quantile_us(.99), delay_.quantile_us(.999),
            delay_.max_us(), first_chunk_.quantile_us(.5), first_chunk_.quantile_us(.99));
        return failed == 0 ? 0 : 1;
    }

  private:
    void end(Client& client, std::uint64_t& why) {
        if (!client.is_busy) return;
        client.is_busy = false;
        ++why;
        tally_.plants_seen += client.plants.take();
        client.wire.shut();
    }

    void read(Client& client) {
        if (!client.is_busy) return;
        auto const n = client.wire.receive(scratch_.data(), scratch_.size());
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0) return end(client, tally_.broken);
        arrived_ns_ = now_ns();
        client.reader.feed({scratch_.data(), static_cast<std::size_t>(n)},
                           [&](std::string_view piece) { take(client, piece); });
        if (client.reader.is_bad()) return end(client, tally_.broken);
        if (!client.reader.is_done()) return;
        if (client.reader.status() != 200) return end(client, tally_.refused);
        bool const is_whole = client.chunks == options_.chunks && client.has_end;
        end(client, is_whole ? tally_.ok : tally_.broken);
    }

    // Cuts events at the empty line; an event's first bytes may have come before.
    void take(Client& client, std::string_view piece) {
        while (!piece.empty()) {
            auto const eol = piece.find('\n');
            auto const line = piece.substr(0, eol == piece.npos ? piece.size() : eol + 1);
            piece.remove_prefix(line.size());
            if (line.back() != '\n') {
                client.tail.append(line);
            } else if (client.tail.empty()) {
                take_line(client, line);
            } else {
                client.tail.append(line);
                take_line(client, client.tail);
                client.tail.clear();
            }
        }
    }

    // A stamp is an @ with 19 digits, whatever member holds the text.
    void take_line(Client& client, std::string_view line) {
        client.has_end = client.has_end || line.starts_with("data: [DONE]") ||
                         line.starts_with("event: message_stop");
        client.plants.look(line);
        for (auto at = line.find('@'); at != line.npos; at = line.find('@', at + 1)) {
            auto const digits = line.substr(at + 1, 19);
            std::int64_t sent_ns = 0;
            auto const end = std::from_chars(digits.data(), digits.data() + digits.size(), sent_ns);
            if (digits.size() == 19 && end.ptr == digits.data() + 19) count(client, sent_ns);
        }
    }

    void count(Client& client, std::int64_t sent_ns) {
        auto const delay_ns = arrived_ns_ - sent_ns;
        delay_.add(delay_ns);
        if (options_.pace_us > 0 && static_cast<double>(delay_ns) > 3e3 * options_.pace_us)
            ++stalls_;
        if (client.chunks++ == 0) first_chunk_.add(arrived_ns_ - client.began_ns);
    }

    Options const& options_;
    Source source_;
    Poll poll_;
    std::vector<Client> clients_;
    std::vector<char> scratch_ = std::vector<char>(256 * 1024);
    std::int64_t arrived_ns_ = 0;
    std::uint64_t stalls_ = 0;
    Tally tally_;
    Histogram delay_;
    Histogram first_chunk_;  // from opening to the first chunk
};

// Opens the streams one by one, `ramp_us` apart, serving those that are open in between.
void open_all(Streams& streams, Options const& options) {
    auto next = now_ns();
    for (auto& client : streams.clients()) {
        while (now_ns() < next) streams.wait(next);
        streams.open(client);
        next += static_cast<std::int64_t>(options.ramp_us * 1e3);
    }
}

}  // namespace

int run_stream(Options const& options) {
    Streams streams(options);
    auto const start = now_ns();
    auto const limit = start + static_cast<std::int64_t>((options.seconds + 10) * 1e9);
    open_all(streams, options);
    while (streams.under_way() > 0 && now_ns() < limit) streams.wait(limit);
    return streams.report(static_cast<double>(now_ns() - start) / 1e9);
}

int run_idle(Options const& options) {
    Streams streams(options);
    auto const start = now_ns();
    auto const limit = start + static_cast<std::int64_t>((options.seconds + 10) * 1e9);
    open_all(streams, options);
    while (streams.speaking() + streams.given_up() < options.connections && now_ns() < limit)
        streams.wait(limit);
    std::printf("ready %llu\n", static_cast<unsigned long long>(streams.speaking()));
    std::fflush(stdout);
    char rest = 0;
    while (read(STDIN_FILENO, &rest, 1) > 0) {
    }
    std::printf("{%s\"seconds\":%.4f}\n", tell(streams.tally()).c_str(),
                static_cast<double>(now_ns() - start) / 1e9);
    return streams.speaking() == options.connections ? 0 : 1;
}

}  // namespace bench
