// Traces in the running daemon: what a collector gets, what a provider is told, and that a
// collector which is away costs nothing but a counter.
#include <fmt/format.h>
#include <regex>
#include <thread>

#include "integration/fixture.hpp"
#include "support/certificates.hpp"

namespace sluice::test {
namespace {

using Json = nlohmann::json;

constexpr char const* parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr char const* unsampled_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

class Traces : public Integration {
  protected:
    void SetUp() override {
        collector.answer_with([](Received const&) { return Reply::whole(200, "{}"); });
    }
    void start_tracing(std::string const& more = "", GatewayConfig config = {}) {
        config.telemetry = fmt::format(
            "  access_log: {{format: \"off\"}}\n"
            "  traces: {{endpoint: \"http://127.0.0.1:{}\", headers: {{x-token: "
            "sk-collector-01}}{}}}\n",
            collector.port(), more);
        start(config);
    }
    Answer chat_with(Headers headers, std::string_view model = "m-1") {
        auto request = chat_request(chat_body(model));
        for (auto& header : headers) request.headers.push_back(std::move(header));
        return ask(request);
    }
    // All spans, after the daemon has sent them.
    std::vector<Json> spans() {
        gateway->stop();
        std::vector<Json> all;
        for (auto const& request : collector.requests()) {
            auto const body = Json::parse(request.body);
            for (auto const& span : body["resourceSpans"][0]["scopeSpans"][0]["spans"]) {
                all.push_back(span);
            }
        }
        return all;
    }
    static std::vector<Json> of_kind(std::vector<Json> const& all, int kind) {
        std::vector<Json> found;
        std::copy_if(all.begin(), all.end(), std::back_inserter(found),
                     [kind](Json const& span) { return span.at("kind") == kind; });
        return found;
    }
    static Json attribute(Json const& span, std::string_view name) {
        for (auto const& one : span.at("attributes")) {
            if (one.at("key") == name) return one.at("value").begin().value();
        }
        return nullptr;
    }
    std::string metric(std::string const& name) {
        auto const page = fetch(gateway->admin_port(), {"GET", "/metrics", {}, ""}).body;
        std::smatch found;
        std::regex_search(page, found, std::regex("\n" + name + " ([^\n]*)"));
        return found.empty() ? "" : found[1].str();
    }

    FakeUpstream collector;
};

TEST_F(Traces, ARequestIsASpanWithAChildForEachAttempt) {
    start_tracing();
    upstream.then(Reply::error(500, "x", "x"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const all = spans();
    auto const servers = of_kind(all, 2);
    auto const clients = of_kind(all, 3);
    ASSERT_EQ(servers.size(), 1U);
    ASSERT_EQ(clients.size(), 2U) << "the retry has a span of its own";
    for (auto const& client : clients) {
        EXPECT_EQ(client.at("traceId"), servers[0].at("traceId"));
        EXPECT_EQ(client.at("parentSpanId"), servers[0].at("spanId"));
        EXPECT_GE(client.at("startTimeUnixNano"), servers[0].at("startTimeUnixNano"));
        EXPECT_LE(client.at("endTimeUnixNano"), servers[0].at("endTimeUnixNano"));
        EXPECT_EQ(attribute(client, "server.address"), "127.0.0.1");
        EXPECT_EQ(attribute(client, "server.port"), std::to_string(upstream.port()));
    }
    EXPECT_EQ(clients[0].at("status").at("code"), 2);
    EXPECT_EQ(attribute(clients[0], "error.type"), "upstream_server_error");
    EXPECT_EQ(clients[1].at("status").at("code"), 0);
    EXPECT_EQ(attribute(clients[1], "gen_ai.usage.input_tokens"), "11");
    EXPECT_EQ(
        attribute(clients[1], "gen_ai.response.finish_reasons").at("values")[0]["stringValue"],
        "stop");
    EXPECT_EQ(servers[0].at("status").at("code"), 0);
    EXPECT_FALSE(servers[0].contains("parentSpanId"));
}

TEST_F(Traces, TheCollectorGetsOtlpOverHttp) {
    start_tracing();
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(spans().size(), 2U);
    auto const request = collector.requests().at(0);
    EXPECT_EQ(request.method(), "POST");
    EXPECT_EQ(request.target(), "/v1/traces");
    EXPECT_EQ(request.header("content-type"), "application/json");
    EXPECT_EQ(request.header("x-token"), "sk-collector-01");
}

TEST_F(Traces, ACallersTraceGoesOn) {
    start_tracing(", sample: 0");
    EXPECT_EQ(chat_with({{"traceparent", parent}, {"tracestate", "congo=t61"}}).status, 200);
    auto const servers = of_kind(spans(), 2);
    ASSERT_EQ(servers.size(), 1U) << "the caller had sampled it";
    EXPECT_EQ(servers[0].at("traceId"), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(servers[0].at("parentSpanId"), "b7ad6b7169203331");
    EXPECT_EQ(servers[0].at("traceState"), "congo=t61");
}

TEST_F(Traces, WhoDecidesWhatIsSampled) {
    start_tracing();
    EXPECT_EQ(chat_with({{"traceparent", unsampled_parent}}).status, 200);
    EXPECT_TRUE(spans().empty()) << "the caller had decided against it";
}

TEST_F(Traces, AnOperatorMayDecideAgainstTheCaller) {
    start_tracing(", sample: 0, follow_parent: false");
    EXPECT_EQ(chat_with({{"traceparent", parent}}).status, 200);
    EXPECT_TRUE(spans().empty());
}

TEST_F(Traces, ARatioIsTheShareOfTracesThatIsKept) {
    start_tracing(", sample: 0.5");
    for (int i = 0; i < 200; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const kept = of_kind(spans(), 2).size();
    EXPECT_GT(kept, 60U);
    EXPECT_LT(kept, 140U);
}

TEST_F(Traces, AnInvalidTraceparentIsAsIfThereWereNone) {
    start_tracing();
    EXPECT_EQ(chat_with({{"traceparent", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"},
                         {"tracestate", "congo=t61"}})
                  .status,
              200);
    auto const servers = of_kind(spans(), 2);
    ASSERT_EQ(servers.size(), 1U);
    EXPECT_FALSE(servers[0].contains("parentSpanId"));
    EXPECT_FALSE(servers[0].contains("traceState"));
    EXPECT_NE(servers[0].at("traceId"), "0af7651916cd43dd8448eb211c80319c");
}

TEST_F(Traces, AProviderIsToldOnlyWhenConfigured) {
    start_tracing();
    EXPECT_EQ(chat_with({{"traceparent", parent}, {"tracestate", "congo=t61"}}).status, 200);
    EXPECT_FALSE(upstream.requests().at(0).header("traceparent"));
    EXPECT_FALSE(upstream.requests().at(0).header("tracestate"));
}

TEST_F(Traces, AProvidersParentIsTheAttempt) {
    start_tracing(", propagate: true");
    upstream.then(Reply::error(500, "x", "x"));
    EXPECT_EQ(chat_with({{"traceparent", parent}, {"tracestate", "congo=t61,rojo=00f0"}}).status,
              200);
    auto const clients = of_kind(spans(), 3);
    ASSERT_EQ(clients.size(), 2U);
    ASSERT_EQ(upstream.request_count(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        auto const request = upstream.requests().at(i);
        EXPECT_EQ(request.header("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-" +
                                                     clients[i].at("spanId").get<std::string>() +
                                                     "-01");
        EXPECT_EQ(request.count("traceparent"), 1U);
        EXPECT_EQ(request.header("tracestate"), "congo=t61,rojo=00f0");
    }
    EXPECT_NE(clients[0].at("spanId"), clients[1].at("spanId"));
}

TEST_F(Traces, WithoutACollectorACallersTraceIsPassedOnAsItCame) {
    GatewayConfig config;
    config.telemetry = "  traces: {propagate: true}\n  access_log: {format: \"off\"}\n";
    start(config);
    EXPECT_EQ(chat_with({{"traceparent", parent}}).status, 200);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(upstream.requests().at(0).header("traceparent"), parent);
    EXPECT_FALSE(upstream.requests().at(1).header("traceparent"));
}

TEST_F(Traces, ARefusedRequestIsASpanWithoutChildren) {
    start_tracing();
    auto request = chat_request(chat_body("no-such"));
    EXPECT_EQ(ask(request).status, 404);
    auto const all = spans();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(attribute(all[0], "error.type"), "model_not_found");
    EXPECT_EQ(all[0].at("status").at("code"), 0)
        << "the caller's mistake is no error of the server";
}

TEST_F(Traces, ADeadCollectorCostsNothingButACounter) {
    GatewayConfig config;
    std::uint16_t port = 0;
    { auto const closed = listen_on_loopback(port); }  // nobody listens there any more
    config.telemetry = fmt::format(
        "  access_log: {{format: \"off\"}}\n  traces: {{endpoint: \"http://127.0.0.1:{}\"}}\n",
        port);
    start(config);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const until = Clock::now() + std::chrono::seconds{20};
    while (metric("sluice_trace_export_failures_total") == "0" && Clock::now() < until) {
        std::this_thread::yield();
    }
    EXPECT_NE(metric("sluice_trace_export_failures_total"), "0");
    EXPECT_EQ(metric("sluice_trace_spans_exported_total"), "0");
    auto const began = Clock::now();
    gateway->stop();
    EXPECT_LT(Clock::now() - began, std::chrono::seconds{6}) << "stop waits 2 s for it at most";
    EXPECT_EQ(gateway->records().size(), 20U);
}

TEST_F(Traces, ACollectorThatHangsHoldsNoRequestAndNoStop) {
    collector.answer_with([](Received const&) { return Reply().silence(); });
    start_tracing();
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_TRUE(collector.wait_for_requests(1));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const began = Clock::now();
    gateway->stop();
    EXPECT_LT(Clock::now() - began, std::chrono::seconds{6});
}

TEST_F(Traces, ACollectorOverTlsIsVerified) {
    // The certificate of the tests' authority is unknown to the system: nothing may be sent.
    Certificates const certificates;
    FakeUpstream::Options options;
    auto const context = certificates.server_context();
    options.tls = context.get();
    FakeUpstream secure(options);
    secure.answer_with([](Received const&) { return Reply::whole(200, "{}"); });
    GatewayConfig config;
    auto const telemetry = [&](std::string const& ca) {
        return fmt::format(
            "  access_log: {{format: \"off\"}}\n"
            "  traces: {{endpoint: \"https://localhost:{}\"{}}}\n",
            secure.port(), ca);
    };
    config.telemetry = telemetry("");
    start(config);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    gateway->stop();
    EXPECT_EQ(secure.request_count(), 0U);

    config.telemetry = telemetry(", ca: \"" + certificates.ca_file() + "\"");
    compare_tokens = false;  // the records of the second daemon are not looked at
    Gateway trusting(config, upstream);
    EXPECT_EQ(fetch(trusting.port(), chat_request(chat_body("m-1"))).status, 200);
    trusting.stop();
    EXPECT_EQ(secure.request_count(), 1U);
}

}  // namespace
}  // namespace sluice::test
