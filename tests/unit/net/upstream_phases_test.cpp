// Cancellation and time in each phase of an exchange; egress proxies; Unix sockets.
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/un.h>

#include "net/tls.hpp"
#include "net/upstream_client.hpp"
#include "resolve_rig.hpp"
#include "upstream_rig.hpp"

namespace sluice::net::upstream_test {
namespace {

constexpr auto close_within = milliseconds{100};

// A busy machine may be late once; a client that waits for anything is late always.
template <class F>
void expect_quick(F closes) {
    Steady::duration best = Steady::duration::max();
    for (int i = 0; i < 3 && best >= close_within; ++i) best = std::min(best, closes());
    EXPECT_LT(best, close_within);
}

void expect_cancelled(Rig& rig, Call& call) {
    ASSERT_TRUE(call.error);
    EXPECT_EQ(call.error->code, ErrorCode::client_closed);
    EXPECT_EQ(call.error->origin, Origin::client);
    EXPECT_EQ(call.error->retry, Retry::no);
    EXPECT_EQ(rig.stats().upstream_open, 0u);
}

// A cancel while the server sees `reached` of the exchange; how long until it sees the end.
Steady::duration cancel_when(std::function<void(Call&)> const& change,
                             std::function<void(Peer&)> const& reached) {
    Listening l;
    Rig rig;
    Call call;
    prepare(call, l.port());
    change(call);
    rig.start(call);
    auto peer = l.accept();
    reached(peer);
    auto const began = Steady::now();
    rig.cancel(call);
    EXPECT_TRUE(peer.wait_closed());
    auto const took = Steady::now() - began;
    rig.wait(call);
    expect_cancelled(rig, call);
    return took;
}

TEST(UpstreamCancel, FirstByteHeadAndBody) {
    for (auto const* sends : {"", "HTTP/1.1 200 OK\r\nA: ", "HTTP/1.1 200 OK\r\n\r\nabc"}) {
        expect_quick([&] {
            return cancel_when([](Call&) {},
                               [&](Peer& peer) {
                                   peer.read_request();
                                   peer.send(sends);
                               });
        });
    }
}

TEST(UpstreamCancel, TellsADrainFromACallerThatLeft) {
    for (auto const* sends : {"", "HTTP/1.1 200 OK\r\n\r\nabc"}) {
        Listening l;
        Rig rig;
        Call call;
        prepare(call, l.port());
        rig.start(call);
        auto peer = l.accept();
        peer.read_request();
        peer.send(sends);
        rig.cancel(call, CancelReason::draining);
        rig.wait(call);
        ASSERT_TRUE(call.error);
        EXPECT_EQ(call.error->code, ErrorCode::draining);
        EXPECT_EQ(call.error->origin, Origin::gateway);
        EXPECT_EQ(call.error->http_status, 503);
        EXPECT_TRUE(peer.wait_closed());
    }
}

TEST(UpstreamSetIdle, BoundsABodyThatDoesNotCome) {
    Server server([](Listening& l) {
        auto peer = l.accept();
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
        EXPECT_TRUE(peer.wait_closed());
    });
    Rig rig;
    Call call;
    prepare(call, server.port());
    call.timeouts.idle = seconds{60};
    call.idle_of_body = milliseconds{50};
    rig.run(call);
    ASSERT_TRUE(call.error);
    EXPECT_EQ(call.status, 200);
    EXPECT_EQ(call.error->code, ErrorCode::upstream_timeout);
}

TEST(UpstreamSetIdle, IsNotRenewedByFramingWithoutBody) {
    Server server([](Listening& l) {
        auto peer = l.accept();
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;");
        pollfd closed{peer.fd(), POLLIN, 0};
        for (int i = 0; i < 100 && ::poll(&closed, 1, 20) == 0; ++i) peer.send("a");
    });
    Rig rig;
    Call call;
    prepare(call, server.port());
    call.idle_of_body = milliseconds{100};
    rig.run(call);
    ASSERT_TRUE(call.error);
    EXPECT_EQ(call.error->code, ErrorCode::upstream_timeout);
}

TEST(UpstreamSetIdle, ZeroLiftsTheBound) {
    Server server([](Listening& l) {
        auto peer = l.accept();
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n");
        pollfd closed{peer.fd(), POLLIN, 0};
        EXPECT_EQ(::poll(&closed, 1, 200), 0);
        peer.send("abc");
        peer.wait_closed();
    });
    Call call;
    {
        Rig rig;
        prepare(call, server.port());
        call.timeouts.idle = milliseconds{50};
        call.idle_of_body = Steady::duration::zero();
        rig.run(call);
    }
    EXPECT_FALSE(call.error);
    EXPECT_EQ(call.body, "abc");
}

TEST(UpstreamCancel, Write) {
    std::string const large(16 << 20, 'x');
    expect_quick([&] {
        return cancel_when([&](Call& call) { call.request.body = {large}; },
                           [](Peer& peer) { peer.peek_bytes(1); });
    });
}

TEST(UpstreamCancel, Proxy) {
    expect_quick([&] {
        return cancel_when(
            [](Call& call) {
                call.endpoint.proxy = "http://127.0.0.1:" + std::to_string(call.endpoint.port);
                call.endpoint.scheme = "https";
                call.endpoint.host = "api.example.com";
            },
            [](Peer& peer) { peer.read_request(); });
    });
}

TEST(UpstreamCancel, TlsHandshake) {
    auto const tls = TlsClient::create({});
    ASSERT_TRUE(tls.ok());
    expect_quick([&] {
        return cancel_when(
            [&](Call& call) {
                call.endpoint.scheme = "https";
                call.endpoint.tls = tls.value();
            },
            [](Peer& peer) { EXPECT_EQ(peer.peek_bytes(1), "\x16"); });
    });
}

TEST(UpstreamCancel, StreamNobodyReads) {
    expect_quick([] {
        Listening l;
        Rig rig;
        Call call;
        prepare(call, l.port());
        call.stop_after_head = true;
        rig.start(call);
        auto peer = l.accept();
        peer.read_request();
        peer.send("HTTP/1.1 200 OK\r\n\r\n");
        rig.wait(call);
        auto const began = Steady::now();
        rig.cancel(call);
        EXPECT_TRUE(peer.wait_closed());
        auto const took = Steady::now() - began;
        EXPECT_EQ(rig.stats().upstream_open, 0u);
        rig.drop(call);
        return took;
    });
}

TEST(UpstreamCancel, ResolveAndConnect) {
    NameServer names;
    names.set("silent.test", {{}, {}, 60, true});
    Blackhole silent;
    for (bool const resolves : {true, false}) {
        expect_quick([&] {
            UpstreamClientOptions options;
            options.resolver.servers = names.address();
            Rig rig{options};
            Call call;
            prepare(call, silent.port());
            if (resolves) call.endpoint.host = "silent.test";
            auto const asked = names.asked("silent.test");
            rig.start(call);
            EXPECT_TRUE(rig.eventually([](WorkerStats const& s) { return s.upstream_open == 1; }));
            while (resolves && names.asked("silent.test") == asked) std::this_thread::yield();
            auto const began = Steady::now();
            rig.cancel(call);
            rig.wait(call);
            auto const took = Steady::now() - began;
            expect_cancelled(rig, call);
            return took;
        });
    }
}

TEST(UpstreamCancel, BeforeTheCallNothingIsOpened) {
    Rig rig;
    Call call;
    prepare(call, 1);
    call.cancel.cancel(CancelReason::client_gone);
    rig.run(call);
    expect_cancelled(rig, call);
}

TEST(UpstreamCancel, CompleteAnswersConnectionStaysPooled) {
    Listening l;
    Rig rig;
    Call call;
    prepare(call, l.port());
    rig.start(call);
    auto peer = l.accept();
    peer.read_request();
    peer.answer("x");
    rig.wait(call);
    rig.cancel(call);
    EXPECT_EQ(rig.stats().upstream_idle, 1u);
}

thread_local std::uint64_t cancel_at_ = 0;
thread_local Cancel* cancel_whom_ = nullptr;
thread_local std::uint64_t waits_seen_ = 0;
void cancel_at(Cancel&, std::uint64_t nth) {
    waits_seen_ = nth;
    if (nth == cancel_at_) cancel_whom_->cancel(CancelReason::client_gone);
}

TEST(UpstreamCancel, AtEveryWaitOfAnExchange) {
    NameServer names;
    names.set("up.test", {{"127.0.0.1"}, {}, 60});
    std::string const large(8 << 20, 'x');
    std::uint64_t waits = 1;
    for (std::uint64_t n = 1; n <= waits + 1 && n < 200; ++n) {
        std::atomic<bool> over{false};  // the exchange ended, perhaps before it connected
        Server server{[&](Listening& l) {
            pollfd p{l.fd(), POLLIN, 0};
            while (::poll(&p, 1, 10) != 1) {
                if (over) return;
            }
            auto peer = l.accept();
            if (peer.read_request().empty()) return;
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
            peer.send("0\r\n\r\n");
            peer.wait_closed();
        }};
        UpstreamClientOptions options;
        options.resolver.servers = names.address();
        Rig rig{options};
        Call call;
        prepare(call, server.port(), large);
        call.endpoint.host = "up.test";
        rig.on_worker([&] {
            cancel_at_ = n;
            cancel_whom_ = &call.cancel;
            Cancel::set_probe(&cancel_at);
        });
        rig.run(call);
        over = true;
        waits = std::max(waits, rig.on_worker([] {
            Cancel::set_probe(nullptr);
            return waits_seen_;
        }));
        if (call.error) {
            expect_cancelled(rig, call);
        } else {
            EXPECT_EQ(call.body, "abc");
            rig.on_worker([&] { rig.client().retain({}); });
        }
    }
    EXPECT_GE(waits, 4u);
}

TEST(UpstreamConnect, SilenceAndRefusalAreToldApart) {
    Blackhole silent;
    Rig rig;
    Call call;
    prepare(call, silent.port());
    call.timeouts.connect = milliseconds{60};
    rig.run(call);
    ASSERT_TRUE(call.error);
    EXPECT_EQ(call.error->code, ErrorCode::upstream_timeout);
    EXPECT_EQ(call.error->detail.rfind("connect", 0), 0u);
    EXPECT_EQ(rig.stats().upstream_open, 0u);

    Call refused;
    prepare(refused, Listening{}.port());
    rig.run(refused);
    ASSERT_TRUE(refused.error);
    EXPECT_EQ(refused.error->code, ErrorCode::upstream_connect);
    EXPECT_NE(refused.error->detail.find("Connection refused"), std::string::npos);
}

TEST(UpstreamConnect, NameWithADeadFirstAddress) {
    NameServer names;
    names.set("up.test", {{"127.0.0.9", "127.0.0.1"}, {"::1"}, 60});
    Listening l;  // listens on 127.0.0.1 alone
    UpstreamClientOptions options;
    options.resolver.servers = names.address();
    Rig rig{options};
    Call call;
    prepare(call, l.port());
    call.endpoint.host = "up.test";
    rig.start(call);
    auto peer = l.accept();
    EXPECT_NE(peer.read_request().find("Host: up.test:"), std::string::npos);
    peer.answer("x");
    rig.wait(call);
    EXPECT_FALSE(call.error);
}

TEST(UpstreamConnect, UnixSocket) {
    auto const path =
        (std::filesystem::temp_directory_path() / ("sluice-" + std::to_string(::getpid())))
            .string();
    ::unlink(path.c_str());
    int const listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    path.copy(a.sun_path, sizeof a.sun_path - 1);
    ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    ASSERT_EQ(::listen(listening, 1), 0);
    Rig rig;
    Call call;
    prepare(call, 0);
    call.endpoint.scheme = "unix";
    call.endpoint.host = path;
    rig.start(call);
    {
        Peer peer{::accept(listening, nullptr, nullptr)};
        EXPECT_NE(peer.read_request().find("Host: localhost\r\n"), std::string::npos);
        peer.answer("over unix");
        rig.wait(call);
    }
    EXPECT_EQ(call.body, "over unix");
    ::close(listening);
    ::unlink(path.c_str());
    Call gone;
    prepare(gone, 0);
    gone.endpoint.scheme = "unix";
    gone.endpoint.host = path;
    rig.run(gone);
    ASSERT_TRUE(gone.error);
    EXPECT_EQ(gone.error->code, ErrorCode::upstream_connect);
}

class Echo final : public Handler {
  public:
    Async<> handle(ServerStream& stream) override {
        auto body = co_await stream.read_body(1000);
        if (!body.ok()) co_return std::move(body).error();
        http::HeaderBlock headers;
        co_return co_await stream.respond(200, headers, body->view());
    }
    std::string malformed(Error const&, std::string_view) override { return "{}"; }
};

TEST(UpstreamConnect, InProcessHandlerAndNone) {
    auto const echo = std::make_shared<Echo>();
    Rig rig;
    for (bool const reused : {false, true}) {
        Call call;
        prepare(call, 0, "hello");
        call.endpoint.scheme = "inproc";
        call.endpoint.host = "echo";
        call.endpoint.inproc = echo;
        rig.run(call);
        ASSERT_FALSE(call.error) << call.error->detail;
        EXPECT_EQ(call.body, "hello");
        EXPECT_EQ(call.reused, reused);
    }
    Call unknown;
    prepare(unknown, 0);
    unknown.endpoint.scheme = "inproc";
    unknown.endpoint.host = "nobody";
    rig.run(unknown);
    EXPECT_TRUE(unknown.error);
}

TEST(UpstreamProxy, PlainHttpIsAskedInAbsoluteForm) {
    std::string got;
    Server proxy{[&](Listening& l) {
        auto peer = l.accept();
        got = peer.read_request();
        peer.answer("via proxy");
    }};
    Rig rig;
    Call call;
    prepare(call, 80);
    call.endpoint.host = "up.invalid";
    call.endpoint.host_header = "up.invalid";
    call.endpoint.proxy = "http://user:s3cret@127.0.0.1:" + std::to_string(proxy.port());
    rig.run(call);
    proxy.join();
    EXPECT_EQ(call.body, "via proxy");
    EXPECT_EQ(got.rfind("POST http://up.invalid/v1/x?y=1 HTTP/1.1\r\nHost: up.invalid\r\n"
                        "Proxy-Authorization: Basic dXNlcjpzM2NyZXQ=\r\n",
                        0),
              0u)
        << got;
}

TEST(UpstreamProxy, RefusalIsAConnectErrorWithoutSecrets) {
    for (bool const tunnels : {true, false}) {
        std::string got;
        Server proxy{[&](Listening& l) {
            auto peer = l.accept();
            got = peer.read_request();
            peer.send("HTTP/1.1 407 Who\r\nContent-Length: 4\r\n\r\nbody");
            EXPECT_TRUE(peer.wait_closed());
        }};
        Rig rig;
        Call call;
        prepare(call, 443);
        call.endpoint.scheme = tunnels ? "https" : "http";
        call.endpoint.host = "api.invalid";
        call.endpoint.proxy = "http://user:s3cret@127.0.0.1:" + std::to_string(proxy.port());
        rig.run(call);
        proxy.join();
        if (tunnels) {
            EXPECT_EQ(got,
                      "CONNECT api.invalid:443 HTTP/1.1\r\nHost: api.invalid:443\r\n"
                      "Proxy-Authorization: Basic dXNlcjpzM2NyZXQ=\r\n\r\n");
        }
        ASSERT_TRUE(call.error);
        EXPECT_EQ(call.error->code, ErrorCode::upstream_connect);
        EXPECT_EQ(call.error->message, "the egress proxy refused the connection to the provider");
        EXPECT_EQ(call.error->detail, "proxy: status 407");
    }
}

}  // namespace
}  // namespace sluice::net::upstream_test
