// Reload: all or nothing, no request lost, nothing to the old place once it has answered, and what
// outlives it.
#include <fmt/format.h>
#include <fstream>

#include "integration/reload_rig.hpp"

namespace sluice::test {
namespace {

using Outcome = endpoint::ReloadReport::Outcome;

constexpr int rounds = 12;
constexpr int clients = 4;

std::string reasons_of(endpoint::ReloadReport const& report) {
    std::string all;
    for (auto const& reason : report.reasons) all += to_text(reason) + "\n";
    return all;
}

class Reload : public Integration {
  protected:
    static Reply say(std::string const& who) {
        return Reply::whole(200, chat_answer(who)).tokens(11, 7);
    }
    void apply(GatewayConfig const& config) {
        auto const report = gateway->reload(config);
        ASSERT_EQ(report.outcome, Outcome::applied) << reasons_of(report);
    }
    // Applies three configurations in turn under load; each names what its upstream says. Every
    // request is answered 200, and one that began after a reload's answer never by the one before.
    void alternate(std::vector<std::pair<GatewayConfig, std::string>> const& turns) {
        start(turns[0].first);
        Load load(gateway->port(), clients);
        std::vector<std::pair<Clock::time_point, std::string>> since = {
            {Clock::now(), turns[0].second}};
        std::vector<Clock::time_point> begun = {Clock::now()};
        for (int round = 1; round <= rounds; ++round) {
            load.wait_for(20);
            auto const& [config, expected] = turns[static_cast<std::size_t>(round) % turns.size()];
            begun.push_back(Clock::now());
            apply(config);
            since.emplace_back(Clock::now(), expected);
        }
        load.wait_for(20);
        auto const all = load.stop();
        count_request(all.size());
        for (auto const& done : all) ASSERT_EQ(done.status, 200);
        check_old(all, since, begun);
    }
    // No request that began after reload i answered, and before reload i + 1 began, is answered by
    // another configuration than i or i + 1 (it may pin the next one while it is under way).
    static void check_old(std::vector<Done> const& all,
                          std::vector<std::pair<Clock::time_point, std::string>> const& since,
                          std::vector<Clock::time_point> const& begun) {
        std::size_t judged = 0;
        for (auto const& done : all) {
            for (std::size_t i = 0; i < since.size(); ++i) {
                bool const is_last = i + 1 == since.size();
                if (done.started < since[i].first) continue;
                if (!is_last && done.started >= begun[i + 1]) continue;
                ++judged;
                bool const is_new =
                    done.text == since[i].second || (!is_last && done.text == since[i + 1].second);
                EXPECT_TRUE(is_new) << done.text << " in round " << i;
            }
        }
        EXPECT_GE(judged, 20U * rounds);
    }
    static GatewayConfig with_provider(std::string const& line) {
        GatewayConfig config;
        config.providers = line;
        return config;
    }
};

TEST_F(Reload, BaseUrlMovesUnderLoad) {
    FakeUpstream b, c;
    upstream.answer_with([](auto const&) { return say("a"); });
    b.answer_with([](auto const&) { return say("b"); });
    c.answer_with([](auto const&) { return say("c"); });
    compare_tokens = false;  // three journals
    alternate({{with_provider(provider_line("up", upstream.url())), "a"},
               {with_provider(provider_line("up", b.url())), "b"},
               {with_provider(provider_line("up", c.url())), "c"}});
    // The hosts that are no more in use are left alone: no idle connection stays.
    apply(with_provider(provider_line("up", upstream.url())));
    EXPECT_TRUE(b.wait_for_open(0));
    EXPECT_TRUE(c.wait_for_open(0));
}

TEST_F(Reload, CredentialsChangeUnderLoad) {
    upstream.answer_with([](Received const& request) {
        auto const credential = request.header("authorization").value_or("");
        return say(credential.substr(credential.size() - 1));
    });
    auto const with_credential = [this](char last) {
        return with_provider(provider_line("up", upstream.url(), "",
                                           fmt::format("{{main: {{value: sk-up-{}}}}}", last)));
    };
    alternate(
        {{with_credential('x'), "x"}, {with_credential('y'), "y"}, {with_credential('z'), "z"}});
}

TEST_F(Reload, RoutesAndProvidersComeAndGoUnderLoad) {
    upstream.answer_with(
        [](Received const& request) { return say(request.target().substr(1, 1)); });
    auto const only = [this](std::string const& name) {
        GatewayConfig config;
        config.providers = provider_line(name, upstream.url("/" + name));
        config.routes = "  \"m-*\": " + name + "\n";
        return config;
    };
    alternate({{only("a"), "a"}, {only("b"), "b"}, {only("c"), "c"}});
}

// Each bundle trusts the upstream, but is another identity: no connection of before is used again.
TEST_F(Reload, AuthoritiesChangeUnderLoadAndPoolsWithThem) {
    Certificates certificates, others;
    auto const context = certificates.server_context();
    FakeUpstream secure(FakeUpstream::Options{context.get(), false});
    std::atomic<std::uint64_t> last_of_before{0};
    std::atomic<std::uint64_t> reused_of_before{0};
    std::atomic<int> current{0};
    secure.answer_with([&](Received const& request) {
        // First, as it is written last: else the next round may begin between the two looks.
        auto const last = last_of_before.load();
        auto const of_this_round = request.header("x-round") == fmt::format("new-{}", current);
        if (of_this_round && request.connection <= last) ++reused_of_before;
        return say("secure");
    });
    auto const text_of = [](std::string const& path) {
        std::ifstream in(path);
        return std::string{std::istreambuf_iterator<char>(in), {}};
    };
    auto const bundle = certificates.ca_file() + ".bundle";
    auto const config = [&](std::string const& round) {
        return with_provider(provider_line(
            "up", secure.url(),
            fmt::format("tls: {{ca: \"{}\", sni: localhost}}, headers: {{x-round: {}}}", bundle,
                        round)));
    };
    std::ofstream(bundle) << text_of(certificates.ca_file());
    compare_tokens = false;
    start(config("first"));
    Load load(gateway->port(), clients);
    for (int round = 0; round < rounds; ++round) {
        load.wait_for(20);
        // The same file with other content, then a round of requests that the journal can tell.
        std::ofstream(bundle) << text_of(certificates.ca_file())
                              << (round % 2 == 0 ? text_of(others.ca_file()) : "");
        apply(config("pause"));
        current = round;
        last_of_before = secure.connections();
        std::ofstream(bundle, std::ios::app) << "\n";  // another identity once more
        apply(config(fmt::format("new-{}", round)));
    }
    load.wait_for(20);
    auto const all = load.stop();
    count_request(all.size());
    for (auto const& done : all) ASSERT_EQ(done.status, 200);
    EXPECT_EQ(reused_of_before, 0U);
    EXPECT_GT(secure.connections(), static_cast<std::size_t>(rounds));
}

TEST_F(Reload, ClientKeysComeAndGoUnderLoad) {
    constexpr char const* second = "sk-test-client-key-0002";
    GatewayConfig one;
    GatewayConfig both;
    both.keys =
        fmt::format("  team:\n    keys:\n      app: {{value: {}}}\n      two: {{value: {}}}\n",
                    test_key, second);
    start(one);
    auto request = chat_request(chat_body("m-1"));
    request.headers = with_key(second);
    Load load(gateway->port(), clients);
    for (int round = 0; round < rounds; ++round) {
        EXPECT_EQ(ask(request).status, 401) << "round " << round;
        apply(both);
        EXPECT_EQ(ask(request).status, 200) << "round " << round;
        load.wait_for(10);
        apply(one);
    }
    auto const all = load.stop();
    count_request(all.size());
    for (auto const& done : all) ASSERT_EQ(done.status, 200);
}

TEST_F(Reload, MocksComeChangeAndGoUnderLoad) {
    auto const mock = [](std::string const& name, std::string const& options) {
        GatewayConfig config;
        config.providers = fmt::format("  {}: {{kind: mock{}}}\n", name, options);
        config.routes = fmt::format("  \"m-*\": {{tiers: [{}], allow_mock: true}}\n", name);
        return config;
    };
    compare_tokens = false;
    start(mock("one", ""));
    Load load(gateway->port(), clients);
    for (int round = 0; round < rounds; ++round) {
        load.wait_for(10);
        apply(mock("one", fmt::format(", mock: {{first_byte_ms: {}}}", round % 3)));
        load.wait_for(10);
        apply(mock("two", ""));
    }
    auto const all = load.stop();
    count_request(all.size());
    for (auto const& done : all) ASSERT_EQ(done.status, 200);
    // A fault it did not have before.
    apply(mock("two", ", mock: {fault: \"status=503\"}"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 503);
    apply(mock("two", ""));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

TEST_F(Reload, AStreamInFlightNeverNotices) {
    auto const go_on = std::make_shared<Event>();
    auto frames = chat_stream(6);
    auto reply = Reply::chunked();
    reply.chunk(frames[0]).chunk(frames[1]).wait(go_on);
    for (std::size_t i = 2; i < frames.size(); ++i) reply.chunk(frames[i]);
    reply.last_chunk().tokens(11, 7);
    upstream.then(std::move(reply));
    start();
    auto client = begin(chat_request(stream_body("m-1")));
    ASSERT_TRUE(client->read_until("w0 "));
    FakeUpstream other;
    auto config = with_provider(provider_line("other", other.url()));
    config.routes = "  \"m-*\": other\n";
    apply(config);
    // The old Snapshot lives as long as the stream.
    EXPECT_EQ(gateway->daemon().snapshots_retired(), 1U);
    go_on->raise();
    auto const answer = client->read_answer();
    EXPECT_TRUE(answer.complete);
    EXPECT_NE(answer.body.find("[DONE]"), std::string::npos);
    auto const until = Clock::now() + seconds{10};
    while (gateway->daemon().snapshots_retired() > 0 && Clock::now() < until) {
        std::this_thread::sleep_for(milliseconds{10});
    }
    EXPECT_EQ(gateway->daemon().snapshots_retired(), 0U);
    EXPECT_TRUE(upstream.wait_for_open(0)) << "its connection was kept though nothing leads there";
}

TEST_F(Reload, AnInvalidConfigurationChangesNothingAndEveryReasonIsTold) {
    start();
    GatewayConfig bad;
    FakeUpstream other;
    bad.providers = provider_line("up", other.url()) + "  broken: {kind: openai_compatibel}\n";
    bad.routes = "  \"m-*\": up\n  x: nowhere\n";
    bad.server = "  drain_sm: 5\n";
    auto const report = gateway->reload(bad);
    EXPECT_EQ(report.outcome, Outcome::invalid);
    EXPECT_EQ(report.version, 1U);
    auto const told = reasons_of(report);
    for (auto const* part : {"providers.broken is of no known kind", "nowhere", "drain_sm"}) {
        EXPECT_NE(told.find(part), std::string::npos) << told;
    }
    for (auto const& reason : report.reasons) EXPECT_GT(reason.line, 0) << reason.message;
    EXPECT_EQ(told.find(test_key), std::string::npos);
    EXPECT_EQ(told.find(provider_key), std::string::npos);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(other.request_count(), 0U);
    EXPECT_EQ(gateway->daemon().config_version(), 1U);
}

TEST_F(Reload, WhatNeedsARestartIsRefusedWhole) {
    start();
    FakeUpstream other;
    auto config = with_provider(provider_line("up", other.url()));
    config.workers = 3;
    auto const report = gateway->reload(config);
    EXPECT_EQ(report.outcome, Outcome::needs_restart);
    ASSERT_EQ(report.reasons.size(), 1U) << reasons_of(report);
    EXPECT_NE(report.reasons[0].message.find("server.workers"), std::string::npos);
    EXPECT_NE(report.reasons[0].message.find("restart"), std::string::npos);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(other.request_count(), 0U) << "half of it was taken";
}

TEST_F(Reload, HealthAndBenchesOutliveIt) {
    GatewayConfig config;
    config.defaults = "health: {failures_in_a_row: 2, skip_ms: 600000}, retry: {attempts_max: 1}";
    config.providers =
        provider_line("up", upstream.url()) + provider_line("locked", upstream.url("/locked"));
    config.routes = "  \"m-*\": up\n  locked: locked\n";
    start(config);
    upstream.answer_with([](Received const& request) {
        if (request.target().starts_with("/locked")) return Reply::error(401, "x", "x");
        return Reply::error(500, "x", "x");
    });
    EXPECT_GE(chat(chat_body("m-1")).status, 500);
    EXPECT_GE(chat(chat_body("m-1")).status, 500);
    EXPECT_EQ(chat(chat_body("m-1")).status, 503) << "not skipped";
    EXPECT_EQ(chat(chat_body("locked")).status, 502);
    auto const asked = upstream.request_count();
    config.routes += "  new: up/other\n";
    apply(config);
    EXPECT_EQ(chat(chat_body("m-1")).status, 503) << "the breaker was forgotten";
    EXPECT_EQ(chat(chat_body("locked")).status, 502) << "the bench was forgotten";
    EXPECT_EQ(upstream.request_count(), asked);
}

TEST_F(Reload, BoundsAndAnswerHeadersAreLive) {
    start();
    auto const big = chat_body("m-1", R"(,"user":")" + std::string(4000, 'u') + "\"");
    EXPECT_EQ(chat(big).status, 200);
    GatewayConfig config;
    config.server =
        "  limits: {body_bytes_max: 2048, head_bytes_max: 1024}\n"
        "  response_headers: [provider]\n";
    apply(config);
    EXPECT_EQ(chat(big).status, 413);
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 200);
    EXPECT_TRUE(answer.header("x-sluice-provider"));
    EXPECT_FALSE(answer.header("x-sluice-route"));
    auto long_head = chat_request(chat_body("m-1"));
    long_head.headers.emplace_back("x-filler", std::string(2000, 'x'));
    EXPECT_EQ(fetch(gateway->port(), long_head).status, 431);
}

TEST_F(Reload, ListenerCertificatesAreTakenForNewHandshakes) {
    Certificates first, second;
    auto const dir = make_temp_dir();
    auto const copy = [&dir](Certificates const& from) {
        namespace fs = std::filesystem;
        auto const over = fs::copy_options::overwrite_existing;
        fs::copy_file(from.cert_file(), dir / "cert.pem", over);
        fs::copy_file(from.key_file(), dir / "key.pem", over);
    };
    copy(first);
    GatewayConfig config;
    config.listener = fmt::format("tls: {{cert: \"{}\", key: \"{}\"}}", (dir / "cert.pem").string(),
                                  (dir / "key.pem").string());
    start(config);
    auto const trusts_first = first.client_context();
    auto const trusts_second = second.client_context();
    RawClient old(gateway->port());
    ASSERT_TRUE(old.connect_tls(trusts_first.get()));
    copy(second);
    auto const report = gateway->reload(config);
    ASSERT_EQ(report.outcome, Outcome::applied) << reasons_of(report);
    EXPECT_TRUE(report.changed.empty());
    EXPECT_EQ(report.files.size(), 2U);
    RawClient fresh(gateway->port());
    EXPECT_TRUE(fresh.connect_tls(trusts_second.get())) << "still the old certificate";
    RawClient stale(gateway->port());
    EXPECT_FALSE(stale.connect_tls(trusts_first.get()));
    // The open connection lives on.
    old.send(to_wire(chat_request(chat_body("m-1"))));
    count_request();
    EXPECT_EQ(old.read_answer().status, 200);
    // A key that does not belong to it is refused.
    std::filesystem::copy_file(first.key_file(), dir / "key.pem",
                               std::filesystem::copy_options::overwrite_existing);
    EXPECT_EQ(gateway->reload(config).outcome, Outcome::invalid);
    std::filesystem::remove_all(dir);
}

TEST_F(Reload, AStopWhileItRunsIsSafe) {
    start();
    std::atomic<bool> over{false};
    std::thread reloading{[&] {
        for (int i = 0; !over; ++i) {
            GatewayConfig config;
            config.server = fmt::format("  limits: {{peek_ms: {}}}\n", 1 + i % 2);
            gateway->reload(config);
        }
    }};
    Load load(gateway->port(), 2);
    load.wait_for(50);
    auto const before = Clock::now();
    gateway->stop();
    over = true;
    reloading.join();
    EXPECT_LT(Clock::now() - before, seconds{5});
    auto const all = load.stop();
    std::size_t answered = 0;
    for (auto const& done : all) answered += done.status == 200;
    EXPECT_GE(answered, 50U);
    count_request(gateway->records().size());
}

}  // namespace
}  // namespace sluice::test
