// The request is cancelled at each of its waits in turn: for n = 1, 2, 3 ... a fresh daemon serves
// one request and its nth wait is cancelled as it begins, until n is past the last wait and the
// request goes through untouched. Each time: one record, nothing in flight, no upstream socket.
// (Leaks and frames used after their end are what the sanitizer runs of this test look for.)
#include <atomic>
#include <fmt/format.h>
#include <future>
#include <thread>

#include "sluice/async.hpp"

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

std::atomic<std::uint64_t> cancel_at{0};  // 0 = never
std::atomic<bool> cancelled_one{false};

void probe(Cancel& cancel, std::uint64_t nth) {
    if (nth != cancel_at.load()) return;
    cancelled_one = true;
    cancel.cancel(CancelReason::client_gone);
}

struct Way {
    char const* name;
    bool stream;
    bool upstream_tls;
    bool retry;
    bool fanned = false;  // three choices, of a provider that has none
};

std::string message_event(std::string_view type, std::string_view rest) {
    return fmt::format("event: {0}\ndata: {{\"type\":\"{0}\"{1}}}\n\n", type, rest);
}

Reply message_for(Way const& way) {
    if (way.stream) {
        return Reply::events(
            {message_event("message_start",
                           R"(,"message":{"id":"m","model":"c","content":[],"usage":{}})"),
             message_event("content_block_start",
                           R"(,"index":0,"content_block":{"type":"text","text":""})"),
             message_event("content_block_delta",
                           R"(,"index":0,"delta":{"type":"text_delta","text":"x"})"),
             message_event("content_block_stop", R"(,"index":0)"),
             message_event("message_delta",
                           R"(,"delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1})"),
             message_event("message_stop", "")},
            milliseconds{3});
    }
    return Reply()
        .pause(milliseconds{3})
        .send(Reply::whole(200, R"({"id":"m","type":"message","role":"assistant","model":"c",)"
                                R"("content":[{"type":"text","text":"x"}],"stop_reason":)"
                                R"("end_turn","usage":{"input_tokens":1,"output_tokens":1}})")
                  .steps[0]
                  .bytes);
}

Reply answer_for(Way const& way) {
    if (way.fanned) return message_for(way);
    if (way.stream) return Reply::events(chat_stream(3, true), milliseconds{3});
    return Reply()
        .pause(milliseconds{3})
        .send(Reply::whole(200, chat_answer("hello")).steps[0].bytes);
}

class CancelEverywhere : public testing::TestWithParam<Way> {
  protected:
    // Installs the probe, counting from here, on the only worker.
    static void arm(Gateway& gateway, std::uint64_t at) {
        std::promise<void> done;
        cancel_at = at;
        cancelled_one = false;
        gateway.daemon().worker(0).post([&] {
            Cancel::set_probe(&probe);
            done.set_value();
        });
        done.get_future().wait();
    }
    static void disarm(Gateway& gateway) {
        std::promise<void> done;
        gateway.daemon().worker(0).post([&] {
            Cancel::set_probe(nullptr);
            done.set_value();
        });
        done.get_future().wait();
    }
};

TEST_P(CancelEverywhere, LeavesOneRecordAndNoSocket) {
    auto const way = GetParam();
    Certificates const certificates;
    auto const server_tls = certificates.server_context();
    std::string const more = way.fanned ? R"(,"n":3)" : "";
    auto const wire =
        to_wire(chat_request(way.stream ? stream_body("m-1", more) : chat_body("m-1", more)));
    std::uint64_t n = 0;
    bool untouched = false;
    while (!untouched && n < 200) {
        ++n;
        FakeUpstream upstream(
            FakeUpstream::Options{way.upstream_tls ? server_tls.get() : nullptr, false});
        upstream.answer_with([&](Received const&) { return answer_for(way); });
        if (way.retry) upstream.then(Reply::error(500, "x", "x"));
        GatewayConfig config;
        config.workers = 1;
        config.defaults = "retry: {backoff_ms: 1, backoff_max_ms: 2, attempts_max: 2}";
        config.providers = provider_line(
            "up", upstream.url(),
            way.upstream_tls ? fmt::format("tls: {{ca: \"{}\"}}", certificates.ca_file()) : "");
        if (way.fanned) {
            config.providers = fmt::format(
                "  claude: {{kind: anthropic_compatible, base_url: \"{}\", keys: {{main: "
                "{{value: sk-claude-credential-1}}}}}}\n",
                upstream.url());
            config.routes = "  m-1: {tiers: [claude], many_choices: fan_out}\n";
        }
        Gateway gateway(config, upstream);
        RawClient client(gateway.port());
        ASSERT_TRUE(gateway.wait_until([](auto const& s) { return s.connections_open >= 1; }));
        arm(gateway, n);
        // In two parts, so that the body is waited for.
        client.send(wire.substr(0, wire.size() - 10));
        std::this_thread::sleep_for(milliseconds{2});
        client.send(wire.substr(wire.size() - 10));
        auto const answer = client.read_answer(false, milliseconds{10'000});
        disarm(gateway);
        untouched = !cancelled_one;
        if (untouched) {
            EXPECT_TRUE(answer.complete) << "the untouched request failed";
            EXPECT_EQ(answer.status, 200);
        }
        client.socket().close();
        EXPECT_TRUE(gateway.wait_until_quiet()) << "wait " << n << " left something in flight";
        gateway.stop();
        // Before the head is whole there is no request; from then on there is its record.
        bool const was_request = answer.status != 0 || upstream.request_count() > 0;
        auto const records = gateway.records();
        EXPECT_LE(records.size(), 1U) << "wait " << n;
        EXPECT_GE(records.size(), was_request ? 1U : 0U) << "wait " << n;
        EXPECT_TRUE(upstream.wait_for_open(0)) << "wait " << n << " left an upstream socket";
    }
    EXPECT_TRUE(untouched) << "no end of waits";
    EXPECT_GE(n, 5U) << "the probe saw hardly any wait: is it installed on the worker?";
    RecordProperty("waits", static_cast<int>(n - 1));
}

INSTANTIATE_TEST_SUITE_P(Ways, CancelEverywhere,
                         testing::Values(Way{"Unary", false, false, false},
                                         Way{"Stream", true, false, false},
                                         Way{"StreamOverTls", true, true, false},
                                         Way{"UnaryWithRetry", false, false, true},
                                         Way{"UnaryFannedOut", false, false, false, true},
                                         Way{"StreamFannedOut", true, false, false, true}),
                         [](auto const& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace sluice::test
