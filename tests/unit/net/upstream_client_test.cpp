// The upstream client against scripted loopback servers: framing, reuse, retry, timeouts, cuts.
#include "net/upstream_client.hpp"

#include <gtest/gtest.h>

#include "upstream_rig.hpp"

namespace sluice::net::upstream_test {
namespace {

TEST(UpstreamClient, RequestIsWrittenAsOneHeadAndItsBodyPieces) {
    std::string got;
    Server server{[&](Listening& l) {
        auto peer = l.accept();
        got = peer.read_request();
        peer.answer("ok", "X-A: b\r\n");
    }};
    Rig rig;
    Call call;
    prepare(call, server.port(), "{\"a\":");
    call.request.body.push_back("");
    call.request.body.push_back("1}");
    call.endpoint.host_header = "api.example.com";
    rig.run(call);
    server.join();
    EXPECT_EQ(got,
              "POST /v1/x?y=1 HTTP/1.1\r\nHost: api.example.com\r\nContent-Type: "
              "application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
    EXPECT_EQ(call.status, 200);
    EXPECT_EQ(call.body, "ok");
    EXPECT_FALSE(call.error);
    EXPECT_FALSE(call.reused);
    EXPECT_GT(call.connect_time, Steady::duration::zero());
}

TEST(UpstreamClient, BodilessMethodsSendNoLengthAndHeadHasNoBody) {
    std::vector<std::string> got;
    Server server{[&](Listening& l) {
        auto peer = l.accept();
        for (auto const* fields : {"1\r\n\r\nx", "5\r\n\r\n", "1\r\n\r\nx"}) {
            got.push_back(peer.read_request());
            peer.send(std::string{"HTTP/1.1 200 OK\r\nContent-Length: "} + fields);
        }
    }};
    Rig rig;
    for (auto method : {http::Method::get, http::Method::head, http::Method::post}) {
        Call call;
        prepare(call, server.port(), "");
        call.request.headers.clear();
        call.request.method = method;
        rig.run(call);
        EXPECT_FALSE(call.error);
        EXPECT_EQ(call.body, method == http::Method::head ? "" : "x");
    }
    server.join();
    auto const host = "Host: 127.0.0.1:" + std::to_string(server.port()) + "\r\n";
    EXPECT_EQ(got[0], "GET /v1/x?y=1 HTTP/1.1\r\n" + host + "\r\n");
    EXPECT_EQ(got[1], "HEAD /v1/x?y=1 HTTP/1.1\r\n" + host + "\r\n");
    EXPECT_EQ(got[2], "POST /v1/x?y=1 HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n");
}

TEST(UpstreamClient, KeptAliveConnectionIsUsedAgain) {
    Server server{[&](Listening& l) {
        auto peer = l.accept();
        for (int i = 0; i < 3; ++i) {
            peer.read_request();
            peer.answer(std::to_string(i));
        }
        EXPECT_TRUE(peer.wait_closed());
    }};
    Rig rig;
    for (int i = 0; i < 3; ++i) {
        Call call;
        prepare(call, server.port());
        rig.run(call);
        EXPECT_EQ(call.body, std::to_string(i));
        EXPECT_EQ(call.reused, i > 0);
        EXPECT_EQ(call.connect_time == Steady::duration::zero(), i > 0);
    }
    auto const stats = rig.stats();
    EXPECT_EQ(stats.upstream_connects, 1u);
    EXPECT_EQ(stats.upstream_reuses, 2u);
    EXPECT_EQ(stats.upstream_open, 1u);
    EXPECT_EQ(stats.upstream_idle, 1u);
    rig.on_worker([&] { rig.client().retain({}); });
}

TEST(UpstreamClient, BodyIsTheSameInAnyFramingAndSplit) {
    std::string body;
    for (int i = 0; i < 30'000; ++i) body += static_cast<char>('a' + i % 26);
    std::string chunked;
    for (std::size_t at = 0; at < body.size(); at += 777) {
        auto const piece = body.substr(at, 777);
        char size[16];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        chunked += size + piece + "\r\n";
    }
    chunked += "0\r\nX-Trailer: 1\r\n\r\n";
    struct Row {
        std::string raw;
        bool reusable;
    };
    std::string const ok = "HTTP/1.1 200 OK\r\n";
    Row const rows[] = {
        {ok + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body, true},
        {ok + "Transfer-Encoding: chunked\r\n\r\n" + chunked, true},
        {ok + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, false},
        {ok + "\r\n" + body, false},
        {"HTTP/1.1 100 Continue\r\n\r\n" + ok + "Transfer-Encoding: chunked\r\n\r\n" + chunked,
         true},
    };
    for (auto const& row : rows) {
        for (std::size_t step : {std::size_t{1} << 20, std::size_t{4096}, std::size_t{997}}) {
            Server server{[&](Listening& l) {
                auto peer = l.accept();
                int const on = 1;
                ::setsockopt(peer.fd(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
                peer.read_request();
                for (std::size_t at = 0; at < row.raw.size(); at += step) {
                    peer.send(std::string_view{row.raw}.substr(at, step));
                }
                if (row.reusable) peer.wait_closed();
            }};
            Rig rig;
            Call call;
            prepare(call, server.port());
            rig.run(call);
            EXPECT_FALSE(call.error) << call.error->detail;
            EXPECT_EQ(call.body, body);
            EXPECT_EQ(rig.stats().upstream_idle, row.reusable ? 1u : 0u);
            rig.on_worker([&] { rig.client().retain({}); });
        }
    }
}

TEST(UpstreamClient, ResetOnAReusedConnectionIsRetriedOnceOnAFreshOne) {
    std::vector<std::string> got;
    Server server{[&](Listening& l) {
        auto first = l.accept();
        first.read_request();
        first.answer("1");
        got.push_back(first.read_request());  // the answer to it is a reset
        first.reset();
        auto second = l.accept();
        got.push_back(second.read_request());
        second.answer("2");
        second.wait_closed();
    }};
    Rig rig;
    for (auto const* body : {"1", "2"}) {
        Call call;
        prepare(call, server.port(), "the body");
        rig.run(call);
        ASSERT_FALSE(call.error) << call.error->detail;
        EXPECT_EQ(call.body, body);
        EXPECT_FALSE(call.reused);
    }
    rig.on_worker([&] { rig.client().retain({}); });
    server.join();
    ASSERT_EQ(got.size(), 2u);
    EXPECT_EQ(got[0], got[1]);
    EXPECT_NE(got[0].find("the body"), std::string::npos);
}

TEST(UpstreamClient, ResetOnAFreshConnectionIsNotRetried) {
    for (bool const resets : {true, false}) {
        int accepted = 0;
        Server server{[&](Listening& l) {
            auto peer = l.accept();
            ++accepted;
            peer.read_request();
            resets ? peer.reset() : peer.close();
            pollfd p{l.fd(), POLLIN, 0};
            if (::poll(&p, 1, 50) == 1) ++accepted;
        }};
        Rig rig;
        Call call;
        prepare(call, server.port());
        rig.run(call);
        ASSERT_TRUE(call.error);
        EXPECT_EQ(call.error->code, ErrorCode::upstream_reset);
        EXPECT_EQ(call.error->retry, Retry::same);
        EXPECT_EQ(call.error->origin, Origin::upstream);
        server.join();
        EXPECT_EQ(accepted, 1);
        EXPECT_EQ(rig.stats().upstream_open, 0u);
    }
}

TEST(UpstreamClient, ResetOnAReusedConnectionAfterAByteIsNotRetried) {
    int accepted = 0;
    Server server{[&](Listening& l) {
        auto peer = l.accept();
        ++accepted;
        peer.read_request();
        peer.answer("1");
        peer.read_request();
        peer.send("HTTP/1.1 2");
        peer.close();
        pollfd p{l.fd(), POLLIN, 0};
        if (::poll(&p, 1, 50) == 1) ++accepted;
    }};
    Rig rig;
    Call first;
    prepare(first, server.port());
    rig.run(first);
    Call second;
    prepare(second, server.port());
    rig.run(second);
    ASSERT_TRUE(second.error);
    EXPECT_EQ(second.error->code, ErrorCode::upstream_reset);
    server.join();
    EXPECT_EQ(accepted, 1);
}

TEST(UpstreamClient, EarlyAnswerEndsTheWritingAndTheConnection) {
    // More than the sockets' buffers hold, and nobody takes it until the answer was read: the
    // request is never written whole.
    std::string const large(64 << 20, 'x');
    std::promise<void> answered;
    Server server{[&](Listening& l) {
        auto peer = l.accept();
        peer.peek_bytes(1000);
        peer.send("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
        answered.get_future().wait();
        EXPECT_TRUE(peer.wait_closed());
    }};
    Rig rig;
    Call call;
    prepare(call, server.port(), large);
    rig.run(call);
    EXPECT_FALSE(call.error);
    EXPECT_EQ(call.status, 413);
    EXPECT_EQ(call.body, "big");
    EXPECT_TRUE(rig.eventually([](auto const& stats) { return stats.upstream_open == 0; }));
    answered.set_value();
}

TEST(UpstreamClient, LargeBodyOfManyPiecesArrivesWhole) {
    std::string const piece(3000, 'p');
    std::string got;
    Server server{[&](Listening& l) {
        auto peer = l.accept();
        got = peer.read_request();
        peer.answer("ok");
    }};
    Rig rig;
    Call call;
    prepare(call, server.port(), "");
    for (int i = 0; i < 3000; ++i) call.request.body.push_back(piece);  // more than IOV_MAX
    rig.run(call);
    server.join();
    EXPECT_FALSE(call.error);
    EXPECT_EQ(got.size() - got.find("\r\n\r\n") - 4, 3000u * 3000u);
}

TEST(UpstreamClient, EachPhaseHasItsTimeout) {
    struct Row {
        char const* phase;
        std::string sends;  // before it goes silent
    };
    Row const rows[] = {
        {"first byte", ""},
        {"head", "HTTP/1.1 200 OK\r\nA"},
        {"body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"},
        {"body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
    };
    for (auto const& row : rows) {
        Server server{[&](Listening& l) {
            auto peer = l.accept();
            peer.read_request();
            peer.send(row.sends);
            EXPECT_TRUE(peer.wait_closed());
        }};
        Rig rig;
        Call call;
        prepare(call, server.port());
        (std::string_view{row.phase} == "first byte" ? call.timeouts.first_byte
                                                     : call.timeouts.idle) = milliseconds{60};
        rig.run(call);
        ASSERT_TRUE(call.error);
        EXPECT_EQ(call.error->code, ErrorCode::upstream_timeout);
        EXPECT_EQ(call.error->http_status, 504);
        EXPECT_EQ(call.error->detail.rfind(row.phase, 0), 0u) << call.error->detail;
        EXPECT_EQ(call.error->message, "the provider did not answer in time");
    }
}

TEST(UpstreamClient, TotalDeadlineEndsAnyPhase) {
    for (bool const answers : {false, true}) {
        Server server{[&](Listening& l) {
            auto peer = l.accept();
            peer.read_request();
            if (answers) peer.send("HTTP/1.1 200 OK\r\n\r\nabc");
            EXPECT_TRUE(peer.wait_closed());
        }};
        Rig rig;
        Call call;
        prepare(call, server.port());
        call.timeouts.total = Deadline::in(milliseconds{60});
        rig.run(call);
        ASSERT_TRUE(call.error);
        EXPECT_EQ(call.error->code, ErrorCode::upstream_timeout);
    }
}

TEST(UpstreamClient, WriteThatNobodyTakesTimesOut) {
    std::string const large(16 << 20, 'x');
    Listening deaf;  // the kernel accepts, nobody reads
    Rig rig;
    Call call;
    prepare(call, deaf.port(), large);
    call.timeouts.idle = milliseconds{60};
    rig.run(call);
    ASSERT_TRUE(call.error);
    EXPECT_EQ(call.error->code, ErrorCode::upstream_timeout);
    EXPECT_EQ(call.error->detail.rfind("write", 0), 0u);
}

TEST(UpstreamClient, AnswerCutShortIsAReset) {
    for (auto const* sends :
         {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Enc"}) {
        Server server{[&](Listening& l) {
            auto peer = l.accept();
            peer.read_request();
            peer.send(sends);
        }};
        Rig rig;
        Call call;
        prepare(call, server.port());
        rig.run(call);
        ASSERT_TRUE(call.error) << sends;
        EXPECT_EQ(call.error->code, ErrorCode::upstream_reset) << sends;
        EXPECT_EQ(rig.stats().upstream_open, 0u);
    }
}

TEST(UpstreamClient, AnswerThatBreaksHttpIsAProtocolError) {
    for (auto const* sends : {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                              "220 mail.example.com ESMTP\r\n"}) {
        Server server{[&](Listening& l) {
            auto peer = l.accept();
            peer.read_request();
            peer.send(sends);
            EXPECT_TRUE(peer.wait_closed());
        }};
        Rig rig;
        Call call;
        prepare(call, server.port());
        rig.run(call);
        ASSERT_TRUE(call.error) << sends;
        EXPECT_EQ(call.error->code, ErrorCode::upstream_protocol) << sends;
    }
}

TEST(UpstreamClient, BytesBehindAnAnswerEndTheConnection) {
    for (auto const* sends :
         {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na!", "HTTP/1.1 204 No\r\n\r\n!",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n!"}) {
        Server server{[&](Listening& l) {
            auto peer = l.accept();
            peer.read_request();
            peer.send(sends);
            EXPECT_TRUE(peer.wait_closed());
        }};
        Rig rig;
        Call call;
        prepare(call, server.port());
        rig.run(call);
        EXPECT_FALSE(call.error);
        EXPECT_EQ(rig.stats().upstream_open, 0u) << sends;
    }
}

TEST(UpstreamClient, FinOrByteOnAnIdleConnectionClosesIt) {
    for (bool const fin : {true, false}) {
        std::promise<void> go;
        Server server{[&](Listening& l) {
            auto peer = l.accept();
            peer.read_request();
            peer.answer("x");
            go.get_future().wait();
            fin ? peer.close() : peer.send("H");
            if (!fin) {
                EXPECT_TRUE(peer.wait_closed());
            }
        }};
        Rig rig;
        Call call;
        prepare(call, server.port());
        rig.run(call);
        EXPECT_EQ(rig.stats().upstream_idle, 1u);
        go.set_value();
        EXPECT_TRUE(rig.eventually(
            [](WorkerStats const& s) { return s.upstream_open == 0 && s.upstream_idle == 0; }));
    }
}

TEST(UpstreamClient, IdleConnectionsExpire) {
    Server server{[&](Listening& l) {
        auto peer = l.accept();
        peer.read_request();
        peer.answer("x");
        EXPECT_TRUE(peer.wait_closed());
    }};
    UpstreamClientOptions options;
    options.limits.idle_expiry = milliseconds{60};
    Rig rig{options};
    Call call;
    prepare(call, server.port());
    rig.run(call);
    server.join();
    EXPECT_TRUE(rig.eventually([](WorkerStats const& s) { return s.upstream_open == 0; }));
}

TEST(UpstreamClient, OnlySoManyConnectionsRestAndTheNewestIsUsedFirst) {
    UpstreamClientOptions options;
    options.limits.idle_per_endpoint_max = 2;
    Rig rig{options};
    Listening l;
    std::vector<std::unique_ptr<Call>> calls;
    std::vector<Peer> peers;
    for (int i = 0; i < 3; ++i) {
        auto& call = *calls.emplace_back(std::make_unique<Call>());
        prepare(call, l.port());
        rig.start(call);
        peers.push_back(l.accept());
        peers.back().read_request();
    }
    for (int i = 0; i < 3; ++i) {
        peers[static_cast<std::size_t>(i)].answer("x");
        rig.wait(*calls[static_cast<std::size_t>(i)]);
    }
    EXPECT_EQ(rig.stats().upstream_idle, 2u);
    EXPECT_TRUE(peers[0].wait_closed());  // the oldest made room
    Call call;
    prepare(call, l.port());
    rig.start(call);
    EXPECT_NE(peers[2].read_request(), "");
    peers[2].answer("y");
    rig.wait(call);
    EXPECT_TRUE(call.reused);
}

TEST(UpstreamClient, TooManyOpenConnectionsIsOverloaded) {
    UpstreamClientOptions options;
    options.limits.open_per_endpoint_max = 1;
    Rig rig{options};
    Listening l;
    Call first;
    prepare(first, l.port());
    rig.start(first);
    auto peer = l.accept();
    peer.read_request();
    Call second;
    prepare(second, l.port());
    rig.run(second);
    ASSERT_TRUE(second.error);
    EXPECT_EQ(second.error->code, ErrorCode::overloaded);
    EXPECT_EQ(second.error->retry, Retry::next);
    peer.answer("x");
    rig.wait(first);
    EXPECT_FALSE(first.error);
}

TEST(UpstreamClient, RetainClosesWhatNoConfigurationMentions) {
    Rig rig;
    Listening kept;
    Listening gone;
    std::vector<Peer> peers;
    std::vector<std::string> identities;
    for (auto* l : {&kept, &gone}) {
        Call call;
        prepare(call, l->port());
        rig.start(call);
        peers.push_back(l->accept());
        peers.back().read_request();
        peers.back().answer("x");
        rig.wait(call);
        if (l == &kept) identities.push_back(call.endpoint.identity());
    }
    // One that is in use meanwhile is closed when it comes back.
    Call busy;
    prepare(busy, gone.port());
    rig.start(busy);
    EXPECT_NE(peers[1].read_request(), "");
    rig.on_worker([&] { rig.client().retain(identities); });
    EXPECT_EQ(rig.stats().upstream_idle, 1u);
    peers[1].answer("y");
    rig.wait(busy);
    EXPECT_EQ(busy.body, "y");
    EXPECT_TRUE(peers[1].wait_closed());
    EXPECT_EQ(rig.stats().upstream_open, 1u);
}

TEST(UpstreamClient, TargetsThatWouldSplitTheHeadAreNotSent) {
    Rig rig;
    for (auto const* target : {"", "x", "/a b", "/a\r\nX: y", "http://x/"}) {
        Call call;
        prepare(call, 1);
        call.request.target = target;
        rig.run(call);
        ASSERT_TRUE(call.error);
        EXPECT_EQ(call.error->code, ErrorCode::internal) << target;
    }
}

TEST(Endpoint, IdentityTellsEveryPartApartAndHidesCredentials) {
    auto const make = [](auto change) {
        Endpoint e = to_loopback(1);
        change(e);
        e.seal();
        return e.identity();
    };
    auto const base = make([](Endpoint&) {});
    EXPECT_EQ(base, make([](Endpoint& e) { e.host_header = "other"; }));
    EXPECT_NE(base, make([](Endpoint& e) { e.scheme = "https"; }));
    EXPECT_NE(base, make([](Endpoint& e) { e.host = "127.0.0.2"; }));
    EXPECT_NE(base, make([](Endpoint& e) { e.port = 2; }));
    EXPECT_NE(base, make([](Endpoint& e) { e.sni = "x"; }));
    auto const with = make([](Endpoint& e) { e.proxy = "http://u:s3cret@p:1"; });
    EXPECT_NE(base, with);
    EXPECT_NE(with, make([](Endpoint& e) { e.proxy = "http://u:other@p:1"; }));
    EXPECT_EQ(with.find("s3cret"), std::string::npos);
}

}  // namespace
}  // namespace sluice::net::upstream_test
