// TLS on both sides, and the way out through a forward proxy.
#include <fmt/format.h>

#include "integration/fixture.hpp"
#include "support/forward_proxy.hpp"

namespace sluice::test {
namespace {

class Tls : public testing::Test {
  protected:
    void SetUp() override {
        server_tls = certificates.server_context();
        client_tls = certificates.client_context();
        upstream = std::make_unique<FakeUpstream>(FakeUpstream::Options{server_tls.get(), false});
    }
    void TearDown() override {
        if (!gateway) return;
        gateway->stop();
        EXPECT_EQ(gateway->records().size(), sent);
        EXPECT_TRUE(upstream->wait_for_open(0));
    }
    std::string trusting() const {
        return fmt::format("tls: {{ca: \"{}\"}}", certificates.ca_file());
    }
    void start(std::string const& provider, std::string const& listener = "",
               daemon::ProxyEnvironment const& proxies = {}) {
        GatewayConfig config;
        config.workers = 1;
        config.defaults = "retry: {attempts_max: 1}";
        config.providers = provider;
        config.listener = listener;
        config.proxies = proxies;
        gateway = std::make_unique<Gateway>(config, *upstream);
    }
    Answer chat(std::string_view body) {
        ++sent;
        return fetch(gateway->port(), chat_request(body));
    }

    Certificates certificates;
    SslContext server_tls;
    SslContext client_tls;
    std::unique_ptr<FakeUpstream> upstream;
    std::unique_ptr<Gateway> gateway;
    std::size_t sent = 0;
};

std::string whole_stream(int n) {
    std::string all;
    for (auto const& frame : chat_stream(n, false)) all += frame;
    return all;
}

TEST_F(Tls, UpstreamWithAnAuthorityOfItsOwn) {
    start(provider_line("up", upstream->url(), trusting()));
    EXPECT_EQ(chat(chat_body("m-1")).body, chat_answer("hello"));
    EXPECT_EQ(chat(stream_body("m-1")).body, whole_stream(4));
    EXPECT_EQ(upstream->connections(), 1U) << "the TLS connection was not kept";
}

TEST_F(Tls, UpstreamThatIsNotTrustedGetsNoRequest) {
    start(provider_line("up", upstream->url()));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(error_code(answer), "upstream_tls");
    EXPECT_EQ(upstream->request_count(), 0U);
}

TEST_F(Tls, UpstreamWithTheWrongNameGetsNoRequest) {
    start(
        provider_line("up", upstream->url(),
                      fmt::format("tls: {{ca: \"{}\", sni: other.test}}", certificates.ca_file())));
    EXPECT_EQ(error_code(chat(chat_body("m-1"))), "upstream_tls");
    EXPECT_EQ(upstream->request_count(), 0U);
}

TEST_F(Tls, VerificationCanBeSwitchedOffForATestBench) {
    start(provider_line("up", upstream->url(), "tls: {verify: false}"));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

TEST_F(Tls, UpstreamByAddress) {
    start(
        provider_line("up", fmt::format("https://127.0.0.1:{}/v1", upstream->port()), trusting()));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

TEST_F(Tls, UpstreamCutWithoutCloseNotifyIsNotAnEnd) {
    start(provider_line("up", upstream->url(), trusting()));
    upstream->then(Reply::until_close(200).send(text_frame("one ")).reset());
    auto const answer = chat(stream_body("m-1"));
    EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
    EXPECT_EQ(gateway->wait_for_records(1)[0].at("completed"), false);
}

TEST_F(Tls, ListenerServesTlsAndRefusesPlain) {
    start(provider_line("up", upstream->url(), trusting()),
          fmt::format("tls: {{cert: \"{}\", key: \"{}\"}}", certificates.cert_file(),
                      certificates.key_file()));
    RawClient client(gateway->port());
    ASSERT_TRUE(client.connect_tls(client_tls.get()));
    for (auto const& body : {chat_body("m-1"), stream_body("m-1")}) {
        ++sent;
        client.send(to_wire(chat_request(body)));
        EXPECT_TRUE(client.read_answer().complete);
    }
    RawClient plain(gateway->port());
    plain.send(to_wire(chat_request(chat_body("m-1"))));
    EXPECT_NE(plain.read_to_end(), Io::timeout);
    EXPECT_EQ(plain.received().find("200"), std::string::npos);
}

TEST_F(Tls, ListenerRefusesOldProtocols) {
    start(provider_line("up", upstream->url(), trusting()),
          fmt::format("tls: {{cert: \"{}\", key: \"{}\"}}", certificates.cert_file(),
                      certificates.key_file()));
    SSL_CTX_set_security_level(client_tls.get(), 0);
    SSL_CTX_set_max_proto_version(client_tls.get(), TLS1_1_VERSION);
    RawClient client(gateway->port());
    EXPECT_FALSE(client.connect_tls(client_tls.get()));
}

TEST_F(Tls, BigBodiesBothWays) {
    start(provider_line("up", upstream->url(), trusting()),
          fmt::format("tls: {{cert: \"{}\", key: \"{}\"}}", certificates.cert_file(),
                      certificates.key_file()));
    auto const answer_text = chat_answer(std::string(3'000'000, 'a'));
    upstream->then(Reply::whole(200, answer_text));
    auto const body = chat_body("m-1", fmt::format(R"(,"user":"{}")", std::string(3'000'000, 'b')));
    RawClient client(gateway->port());
    ASSERT_TRUE(client.connect_tls(client_tls.get()));
    ++sent;
    client.send(to_wire(chat_request(body)));
    EXPECT_TRUE(client.read_answer().body == answer_text);
    EXPECT_TRUE(upstream->requests()[0].body == body);
}

TEST_F(Tls, ThroughAProxyWithCredentials) {
    ForwardProxy const proxy("user:pa:ss");
    start(provider_line(
        "up", upstream->url(),
        trusting() +
            fmt::format(", egress_proxy: \"http://user:pa:ss@127.0.0.1:{}\"", proxy.port())));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(chat(stream_body("m-1")).body, whole_stream(4));
    ASSERT_EQ(proxy.heads().size(), 1U) << "the tunnel was not kept";
    EXPECT_TRUE(proxy.heads()[0].starts_with(
        fmt::format("CONNECT localhost:{} HTTP/1.1\r\n", upstream->port())));
    EXPECT_EQ(proxy.heads()[0].find(provider_key), std::string::npos);
    EXPECT_EQ(upstream->requests()[0].head.find("Proxy-Authorization"), std::string::npos);
}

TEST_F(Tls, ThroughAProxyThatRefuses) {
    ForwardProxy const proxy("user:right");
    start(provider_line(
        "up", upstream->url(),
        trusting() + fmt::format(", egress_proxy: \"http://user:wrong-canary@127.0.0.1:{}\"",
                                 proxy.port())));
    auto const answer = chat(chat_body("m-1"));
    EXPECT_EQ(answer.status, 502);
    EXPECT_EQ(error_code(answer), "upstream_connect");
    EXPECT_EQ(answer.body.find("canary"), std::string::npos);
    EXPECT_GE(proxy.refused(), 1U);
    EXPECT_EQ(gateway->wait_for_records(1)[0].dump().find("canary"), std::string::npos);
}

// A loopback provider is never behind the environment's proxy; a named one is, NO_PROXY aside.
TEST_F(Tls, ThroughTheProxyOfTheEnvironment) {
    ForwardProxy const proxy("");
    daemon::ProxyEnvironment environment;
    environment.https_proxy = fmt::format("http://127.0.0.1:{}", proxy.port());
    auto const named = [&](std::string_view more = "") {
        return provider_line(
            "up", fmt::format("https://provider.test:{}/v1", upstream->port()),
            fmt::format("tls: {{ca: \"{}\", sni: localhost}}{}", certificates.ca_file(), more));
    };
    start(named(), "", environment);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    ASSERT_EQ(proxy.heads().size(), 1U);
    EXPECT_TRUE(proxy.heads()[0].starts_with("CONNECT provider.test:"));
    EXPECT_EQ(upstream->requests()[0].header("host"),
              fmt::format("provider.test:{}", upstream->port()));

    TearDown();
    sent = 0;
    environment.no_proxy = "example.test, .test";
    start(named(), "", environment);
    EXPECT_NE(chat(chat_body("m-1")).status, 200) << "there is no such name without the proxy";
    TearDown();
    sent = 0;
    environment.no_proxy.clear();
    start(named(", egress_proxy: none"), "", environment);
    EXPECT_NE(chat(chat_body("m-1")).status, 200);
    TearDown();
    sent = 0;
    start(provider_line("up", upstream->url(), trusting()), "", environment);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    EXPECT_EQ(proxy.heads().size(), 1U);
}

class PlainProxy : public Integration {};

TEST_F(PlainProxy, GetsTheAbsoluteForm) {
    ForwardProxy const proxy("user:pass");
    GatewayConfig config;
    config.providers =
        provider_line("up", upstream.url(),
                      fmt::format("egress_proxy: \"http://user:pass@127.0.0.1:{}\"", proxy.port()));
    start(config);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    ASSERT_EQ(proxy.heads().size(), 1U);
    EXPECT_TRUE(proxy.heads()[0].starts_with(
        fmt::format("POST http://127.0.0.1:{}/v1/chat/completions HTTP/1.1\r\n", upstream.port())))
        << proxy.heads()[0];
}

class OtherSockets : public Integration {};

TEST_F(OtherSockets, UpstreamByNameAndIpv6) {
    FakeUpstream six(FakeUpstream::Options{nullptr, true});
    if (six.port() == 0) GTEST_SKIP() << "no IPv6 here";
    GatewayConfig config;
    config.providers =
        provider_line("six", six.url()) +
        provider_line("named", fmt::format("http://localhost:{}/v1", upstream.port()));
    config.routes = "  six: six/m\n  named: named/m\n";
    start(config);
    EXPECT_EQ(chat(chat_body("six")).status, 200);
    EXPECT_EQ(six.request_count(), 1U);
    // "localhost" has an IPv6 address where nobody listens: the other one is found.
    EXPECT_EQ(chat(chat_body("named")).status, 200);
    EXPECT_EQ(upstream.request_count(), 1U);
    compare_tokens = false;
}

TEST_F(OtherSockets, NameThatDoesNotExist) {
    GatewayConfig config;
    config.defaults = "retry: {attempts_max: 1}";
    config.providers = provider_line("up", "http://no-such-name.invalid/v1");
    start(config);
    auto const answer = chat(chat_body("m-1"));
    EXPECT_TRUE(answer.status == 502 || answer.status == 504) << answer.status;
    EXPECT_EQ(answer.header("x-sluice-error-origin"), "upstream");
}

TEST_F(OtherSockets, ListenerOnAUnixSocketAndBasePath) {
    auto const dir = make_temp_dir();
    GatewayConfig config;
    config.listener = fmt::format("base_path: /ai}}, {{address: \"unix:{}/s\"", dir.string());
    start(config);
    RawClient local((dir / "s").string());
    local.send(to_wire(chat_request(chat_body("m-1"))));
    count_request();
    EXPECT_EQ(local.read_answer().status, 200);
    auto request = chat_request(chat_body("m-1"));
    EXPECT_EQ(ask(request).status, 404) << "base_path is not asked for";
    request.target = "/ai/v1/chat/completions";
    EXPECT_EQ(ask(request).status, 200);
    EXPECT_EQ(upstream.requests()[1].target(), "/v1/chat/completions");
    gateway->stop();
    std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace sluice::test
