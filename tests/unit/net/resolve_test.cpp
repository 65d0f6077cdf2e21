// Names and connects: families, lifetimes, single flight, staggered connects.
#include "net/resolve.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "net/dial.hpp"
#include "resolve_rig.hpp"
#include "upstream_rig.hpp"

namespace sluice::net::upstream_test {
namespace {

std::atomic<std::int64_t> clock_seconds{0};
Steady::time_point fake_now() {
    return Steady::time_point{seconds{1'000'000 + clock_seconds.load()}};
}

struct Lookup {
    std::string name;
    Deadline deadline = Deadline::never();
    Cancel cancel;
    std::vector<std::string> found;  // sorted; the kernel's routes decide the real order
    std::optional<Error> error;
    std::promise<void> done;
};

Async<> look_up(Resolver& resolver, Lookup& lookup) {
    auto resolved = co_await resolver.resolve(lookup.name, lookup.deadline, lookup.cancel);
    if (!resolved.ok()) {
        lookup.error = resolved.error();
    } else {
        for (auto const& address : resolved.value()) lookup.found.push_back(address.text());
        std::sort(lookup.found.begin(), lookup.found.end());
    }
    lookup.done.set_value();
    co_return Result<void>{};
}

class Resolving : public ::testing::Test {
  protected:
    Resolving() {
        clock_seconds = 0;
        options.servers = server.address();
        options.now = &fake_now;
        options.query_timeout = milliseconds{100};
        options.tries = 1;
    }
    ~Resolving() override {
        rig.on_worker([this] { resolver.reset(); });
    }
    void start(Lookup& lookup) {
        rig.on_worker([&] {
            if (!resolver) {
                resolver = Resolver::create(static_cast<WorkerImpl&>(rig.worker()), options);
            }
            rig.worker().spawn("look up", look_up(*resolver, lookup));
        });
    }
    static void wait(Lookup& lookup) {
        ASSERT_EQ(lookup.done.get_future().wait_for(milliseconds{patience_ms}),
                  std::future_status::ready);
    }
    std::vector<std::string> find(std::string name) {
        Lookup lookup;
        lookup.name = std::move(name);
        start(lookup);
        wait(lookup);
        last_error = lookup.error;
        return lookup.found;
    }
    std::uint64_t queries() {
        return rig.on_worker([this] { return resolver->queries(); });
    }

    NameServer server;
    ResolverOptions options;
    Rig rig;
    std::unique_ptr<Resolver> resolver;
    std::optional<Error> last_error;
    using Found = std::vector<std::string>;
};

TEST_F(Resolving, BothFamiliesAreAnswered) {
    server.set("up.test", {{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1"}});
    server.set("four.test", {{"192.0.2.3"}, {}});
    server.set("six.test", {{}, {"2001:db8::2"}});
    EXPECT_EQ(find("up.test"), (Found{"192.0.2.1:0", "192.0.2.2:0", "[2001:db8::1]:0"}));
    EXPECT_EQ(find("four.test"), Found{"192.0.2.3:0"});
    EXPECT_EQ(find("six.test"), Found{"[2001:db8::2]:0"});
}

TEST_F(Resolving, AddressesAndLocalhostNeedNoServer) {
    EXPECT_EQ(find("192.0.2.9"), Found{"192.0.2.9:0"});
    EXPECT_EQ(find("2001:db8::9"), Found{"[2001:db8::9]:0"});
    EXPECT_EQ(queries(), 0u);
    auto const local = find("localhost");
    ASSERT_FALSE(local.empty());
    for (auto const& text : local) {
        EXPECT_TRUE(text == "[::1]:0" || text.rfind("127.", 0) == 0) << text;
    }
    EXPECT_EQ(server.asked("localhost"), 0u);
}

TEST_F(Resolving, AnswersAreKeptForTheirLifetimeWithinBounds) {
    server.set("up.test", {{"192.0.2.1"}, {}, 30});
    server.set("brief.test", {{"192.0.2.1"}, {}, 0});
    server.set("long.test", {{"192.0.2.1"}, {}, 100'000});
    for (auto const* name : {"up.test", "brief.test", "long.test"}) find(name);
    EXPECT_EQ(queries(), 3u);
    clock_seconds = 4;  // under ttl_min
    for (auto const* name : {"up.test", "UP.test", "brief.test", "long.test"}) find(name);
    EXPECT_EQ(queries(), 3u);
    server.set("up.test", {{"192.0.2.7"}, {}, 30});
    clock_seconds = 29;
    EXPECT_EQ(find("up.test"), Found{"192.0.2.1:0"});
    clock_seconds = 31;
    EXPECT_EQ(find("up.test"), Found{"192.0.2.7:0"});
    EXPECT_EQ(queries(), 4u);
    clock_seconds = 301;  // over ttl_max
    find("long.test");
    EXPECT_EQ(queries(), 5u);
}

TEST_F(Resolving, UnknownNamesAreRememberedBriefly) {
    EXPECT_TRUE(find("nowhere.test").empty());
    ASSERT_TRUE(last_error);
    EXPECT_EQ(last_error->code, ErrorCode::upstream_connect);
    EXPECT_EQ(last_error->retry, Retry::next);
    EXPECT_EQ(last_error->message, "the provider's name could not be resolved");
    EXPECT_NE(last_error->detail.find("nowhere.test"), std::string::npos);
    find("nowhere.test");
    EXPECT_EQ(queries(), 1u);
    server.set("nowhere.test", {{"192.0.2.1"}, {}});
    clock_seconds = 6;
    EXPECT_EQ(find("nowhere.test"), Found{"192.0.2.1:0"});
}

TEST_F(Resolving, OneQueryServesAllWhoAskAtOnce) {
    server.set("up.test", {{"192.0.2.1"}, {}});
    std::vector<std::unique_ptr<Lookup>> lookups;
    for (int i = 0; i < 10; ++i) {
        lookups.push_back(std::make_unique<Lookup>());
        lookups.back()->name = "up.test";
    }
    rig.on_worker([&] {
        resolver = Resolver::create(static_cast<WorkerImpl&>(rig.worker()), options);
        for (auto& lookup : lookups) rig.worker().spawn("look up", look_up(*resolver, *lookup));
        lookups[3]->cancel.cancel(CancelReason::client_gone);
    });
    for (auto& lookup : lookups) {
        wait(*lookup);
        EXPECT_EQ(lookup->error.has_value(), lookup == lookups[3]);
    }
    EXPECT_EQ(lookups[3]->error->code, ErrorCode::client_closed);
    EXPECT_EQ(queries(), 1u);
    EXPECT_EQ(server.asked("up.test"), 2u);  // A and AAAA
}

TEST_F(Resolving, SilentServersEndInATransientErrorOrTheOldAddresses) {
    server.set("up.test", {{"192.0.2.1"}, {}, 30});
    server.set("silent.test", {{}, {}, 30, true});
    EXPECT_TRUE(find("silent.test").empty());
    ASSERT_TRUE(last_error);
    EXPECT_EQ(last_error->retry, Retry::same);
    find("silent.test");
    EXPECT_EQ(queries(), 2u);  // not remembered

    find("up.test");
    server.set("up.test", {{}, {}, 30, true});
    clock_seconds = 31;
    EXPECT_EQ(find("up.test"), Found{"192.0.2.1:0"});
    clock_seconds = 31 + 3600 + 60;
    EXPECT_TRUE(find("up.test").empty());
}

TEST_F(Resolving, DeadlineEndsTheWait) {
    options.query_timeout = seconds{30};
    server.set("silent.test", {{}, {}, 30, true});
    Lookup lookup;
    lookup.name = "silent.test";
    lookup.deadline = Deadline::in(milliseconds{60});
    start(lookup);
    wait(lookup);
    ASSERT_TRUE(lookup.error);
    EXPECT_EQ(lookup.error->code, ErrorCode::upstream_timeout);
    EXPECT_EQ(lookup.error->detail.rfind("resolve", 0), 0u);
}

// ---- connects

struct Dialled {
    Addresses addresses;
    DialOptions options{milliseconds{50}};
    Deadline deadline = Deadline::in(seconds{10});
    Cancel cancel;
    std::optional<Error> error;
    std::uint16_t port = 0;  // of the winner
    std::string host;
    std::promise<void> done;
};

Async<> dial_one(WorkerImpl& worker, Dialled& d) {
    auto dialled = co_await dial(worker, d.addresses, d.options, d.deadline, d.cancel);
    if (dialled.ok()) {
        d.port = dialled->peer_address().port;
        d.host = dialled->peer_address().host;
    } else {
        d.error = dialled.error();
    }
    d.done.set_value();
    co_return Result<void>{};
}

Addresses at(std::string_view host, std::uint16_t port) {
    auto addresses = numeric_address(host);
    addresses.front().set_port(port);
    return addresses;
}

void run(Rig& rig, Dialled& d) {
    rig.on_worker(
        [&] { rig.worker().spawn("dial", dial_one(static_cast<WorkerImpl&>(rig.worker()), d)); });
    ASSERT_EQ(d.done.get_future().wait_for(milliseconds{patience_ms}), std::future_status::ready);
}

std::uint16_t refused_port() { return Listening{}.port(); }  // closed at once

TEST(Dial, RefusedAndSilentAddressesAreOvertaken) {
    Rig rig;
    Listening good;
    Blackhole silent;
    for (auto const first : {refused_port(), silent.port()}) {
        Dialled d;
        d.addresses = at("127.0.0.1", first);
        d.addresses.push_back(at("127.0.0.1", good.port()).front());
        run(rig, d);
        ASSERT_FALSE(d.error) << d.error->detail;
        EXPECT_EQ(d.port, good.port());
    }
}

TEST(Dial, FirstOfTheListWinsWhenItAnswers) {
    Rig rig;
    Listening one;
    Listening two;
    Dialled d;
    d.options.stagger = seconds{5};
    d.addresses = at("127.0.0.1", one.port());
    d.addresses.push_back(at("127.0.0.1", two.port()).front());
    run(rig, d);
    EXPECT_EQ(d.port, one.port());
    pollfd p{two.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&p, 1, 0), 0);  // never tried
}

TEST(Dial, SixFollowsFour) {
    Rig rig;
    Listening six{AF_INET6};
    Dialled d;
    d.addresses = at("127.0.0.1", refused_port());
    d.addresses.push_back(at("::1", six.port()).front());
    run(rig, d);
    ASSERT_FALSE(d.error) << d.error->detail;
    EXPECT_EQ(d.host, "::1");
}

TEST(Dial, AllRefusedNamesEach) {
    Rig rig;
    Dialled d;
    d.addresses = at("127.0.0.1", refused_port());
    d.addresses.push_back(at("127.0.0.2", refused_port()).front());
    run(rig, d);
    ASSERT_TRUE(d.error);
    EXPECT_EQ(d.error->code, ErrorCode::upstream_connect);
    EXPECT_EQ(d.error->message, "could not connect to the provider");
    EXPECT_NE(d.error->detail.find("127.0.0.1:"), std::string::npos);
    EXPECT_NE(d.error->detail.find("127.0.0.2:"), std::string::npos);
}

TEST(Dial, SilenceTimesOut) {
    Rig rig;
    Blackhole silent;
    Dialled d;
    d.addresses = at("127.0.0.1", silent.port());
    d.deadline = Deadline::in(milliseconds{60});
    run(rig, d);
    ASSERT_TRUE(d.error);
    EXPECT_EQ(d.error->code, ErrorCode::upstream_timeout);
}

TEST(Dial, FamiliesTakeTurns) {
    Addresses given;
    for (auto const* host : {"2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1"}) {
        given.push_back(at(host, 1).front());
    }
    std::string order;
    for (auto const& a : interleave(given)) order += a.family() == AF_INET6 ? "6" : "4";
    EXPECT_EQ(order, "6466");
    EXPECT_TRUE(interleave({}).empty());
}

}  // namespace
}  // namespace sluice::net::upstream_test
