// The client goes away: in each phase of an exchange, by FIN, RST and TLS close_notify, also with a
// pipelined request standing before the end. The exchange is cancelled within 100 ms.
#include <cstdio>
#include <cstdlib>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "server_rig.hpp"

namespace sluice::net::test {
namespace {

constexpr auto at_once = milliseconds{100};

// A key and a certificate signed with it, as PEM files that go away with it.
class SelfSigned {
  public:
    SelfSigned() {
        auto* key = EVP_EC_gen("P-256");
        auto* certificate = X509_new();
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        auto* const name = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                   reinterpret_cast<unsigned char const*>("localhost"), -1, -1, 0);
        X509_set_issuer_name(certificate, name);
        X509_sign(certificate, key, EVP_sha256());
        write(options.certificate_file, [&](FILE* f) { PEM_write_X509(f, certificate); });
        write(options.key_file, [&](FILE* f) {
            PEM_write_PrivateKey(f, key, nullptr, nullptr, 0, nullptr, nullptr);
        });
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
    SelfSigned(SelfSigned const&) = delete;
    SelfSigned& operator=(SelfSigned const&) = delete;
    ~SelfSigned() {
        std::remove(options.certificate_file.c_str());
        std::remove(options.key_file.c_str());
    }

    std::shared_ptr<TlsServer const> server() const {
        auto made = TlsServer::create(options);
        EXPECT_TRUE(made.ok());
        return made.ok() ? made.value() : nullptr;
    }

    TlsServerOptions options;

  private:
    template <class Put>
    static void write(std::string& path, Put put) {
        path = (std::getenv("TMPDIR") ? std::getenv("TMPDIR") : "/tmp");
        path += "/sluice-test-XXXXXX";
        auto const fd = ::mkstemp(path.data());
        auto* const file = ::fdopen(fd, "w");
        put(file);
        std::fclose(file);
    }
};

struct ContextFree {
    void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
};
using Context = std::unique_ptr<SSL_CTX, ContextFree>;

Context client_context() {
    Context context{SSL_CTX_new(TLS_client_method())};
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    return context;
}

enum class Leaving { fin, rst, close_notify };

struct Phase {
    char const* name;
    std::string request;
    std::string journal;   // the phase is reached when this is in the journal
    std::string received;  // and this was received
    std::string expect;    // what the handler then sees
};

std::vector<Phase> const phases = {
    {"before the first byte of the answer", "GET /wait HTTP/1.1\r\nHost: t\r\n\r\n", "waiting", "",
     "client gone"},
    {"after the body was read",
     "POST /read-then-wait HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc", "waiting", "",
     "client gone"},
    {"mid-stream", "GET /stream HTTP/1.1\r\nHost: t\r\n\r\n", "request /stream", "data: one\n\n",
     "client gone"},
    {"while the body is read", "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 30\r\n\r\nabc",
     "request /echo", "", "body client_closed"},
    {"while a chunked body is read",
     "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
     "request /echo", "", "body client_closed"},
    {"with a second request waiting",
     "GET /wait HTTP/1.1\r\nHost: t\r\n\r\nGET /never HTTP/1.1\r\nHost: t\r\n\r\n", "waiting", "",
     "client gone"},
    {"with more than the input bound waiting",
     "GET /wait HTTP/1.1\r\nHost: t\r\n\r\nPOST /never HTTP/1.1\r\nHost: t\r\nContent-Length: 50000"
     "\r\n\r\n" +
         std::string(50'000, 'x'),
     "waiting", "", "client gone"},
};

void leave(Client& client, Leaving how) {
    switch (how) {
        case Leaving::fin:
            client.finish_sending();
            break;
        case Leaving::rst:
            client.reset();
            break;
        case Leaving::close_notify:
            SSL_shutdown(client.ssl());
            break;
    }
}

void expect_cancel(Server& server, SSL_CTX* tls, Phase const& phase, Leaving how) {
    SCOPED_TRACE(std::string{phase.name} + (tls ? ", TLS" : ", plain") + ", way " +
                 std::to_string(static_cast<int>(how)));
    Client client{server.port};
    if (tls) {
        ASSERT_TRUE(client.start_tls(tls));
    }
    ASSERT_TRUE(client.send(phase.request));
    ASSERT_TRUE(server.journal.wait_for(phase.journal));
    if (!phase.received.empty()) {
        EXPECT_TRUE(has(client.read_until(phase.received), phase.received));
    }
    leave(client, how);
    EXPECT_TRUE(server.journal.wait_for(phase.expect, at_once));
    for (auto const& line : server.journal.lines()) EXPECT_NE(line, "request /never");
}

ServerOptions small_input() {
    ServerOptions options;
    options.input_bytes_max = 16 * 1024;
    return options;
}

TEST(ServerCancel, PlainClientLeavesInEachPhase) {
    for (auto const how : {Leaving::fin, Leaving::rst}) {
        for (auto const& phase : phases) {
            Server server{small_input()};
            expect_cancel(server, nullptr, phase, how);
        }
    }
}

TEST(ServerCancel, TlsClientLeavesInEachPhase) {
    SelfSigned const certificate;
    auto const context = client_context();
    for (auto const how : {Leaving::fin, Leaving::rst, Leaving::close_notify}) {
        for (auto const& phase : phases) {
            // Behind a full input buffer close_notify cannot be read; FIN and RST are still seen.
            bool const full = phase.request.size() > small_input().input_bytes_max;
            if (full && how == Leaving::close_notify) continue;
            Server server{small_input(), certificate.server()};
            expect_cancel(server, context.get(), phase, how);
        }
    }
}

TEST(ServerCancel, AHalfCloseIsAllowedWhenConfigured) {
    ServerOptions options;
    options.half_close_cancels = false;
    Server server{options};
    {
        Client client{server.port};
        client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc");
        client.finish_sending();
        EXPECT_TRUE(client.read_to_end().ends_with("\r\n\r\nabc"));
    }
    Client client{server.port};
    client.send("GET /stream HTTP/1.1\r\nHost: t\r\n\r\n");
    client.read_until("data: one\n\n");
    client.finish_sending();
    // Still served; a reset ends it all the same.
    server.stats();
    EXPECT_EQ(server.stats().requests_in_flight, 1u);
    client.reset();
    EXPECT_TRUE(server.journal.wait_for("client gone", at_once));
}

TEST(ServerCancel, AClientThatLeavesWhileNothingIsAskedEndsItsConnection) {
    Server server;
    {
        Client client{server.port};
        client.send("GET /x HTTP/1.1\r\nHost: t\r\n\r\n");
        client.read_answer();
    }
    Client client{server.port};
    client.send("GET /y HTTP/1.1\r\nHo");
    client.reset();
    server.stop(seconds{5});
}

TEST(ServerTls, ServesKeepAlivePipeliningAndBigBodies) {
    SelfSigned const certificate;
    auto const context = client_context();
    Server server{{}, certificate.server()};
    Client client{server.port};
    ASSERT_TRUE(client.start_tls(context.get()));
    client.send(
        "GET /a HTTP/1.1\r\nHost: t\r\n\r\nPOST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n"
        "\r\nhiGET /chunks HTTP/1.1\r\nHost: t\r\n\r\n");
    EXPECT_TRUE(client.read_answer().ends_with("GET /a"));
    EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\nhi"));
    EXPECT_TRUE(client.read_until("0\r\n\r\n").ends_with("3\r\none\r\n0\r\n\r\n"));
    std::string const body(1 << 20, 'z');
    ASSERT_TRUE(
        client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 1048576\r\n\r\n" + body));
    EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\n" + body));
    client.send("GET /big HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
    auto const answer = client.read_answer();
    EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, 20u << 20);
    EXPECT_EQ(client.read_more(), 0);
    EXPECT_EQ(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

TEST(ServerTls, AbortSendsNoCloseNotifyWhereTheEndEndsTheBody) {
    SelfSigned const certificate;
    auto const context = client_context();
    Server server{{}, certificate.server()};
    Client client{server.port};
    ASSERT_TRUE(client.start_tls(context.get()));
    client.send("GET /cut HTTP/1.0\r\n\r\n");
    long last = 1;
    while (last > 0) last = client.read_more();
    EXPECT_EQ(SSL_get_shutdown(client.ssl()) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST(ServerTls, TellsAPlainClient) {
    SelfSigned const certificate;
    Server server{{}, certificate.server()};
    Client client{server.port};
    client.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    auto const answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(answer.ends_with("use https://\n")) << answer;
}

TEST(ServerTls, RefusesOldProtocolsAndSlowHandshakes) {
    SelfSigned const certificate;
    ServerOptions options;
    options.head_timeout = milliseconds{100};
    Server server{options, certificate.server()};
    {
        auto const context = client_context();
        SSL_CTX_set_security_level(context.get(), 0);
        SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
        Client client{server.port};
        EXPECT_FALSE(client.start_tls(context.get()));
    }
    Client client{server.port};
    client.send("\x16\x03\x01");
    EXPECT_EQ(client.read_to_end(), "");
}

TEST(ServerTls, SaysWhichFileIsUnusable) {
    SelfSigned const certificate;
    auto options = certificate.options;
    options.key_file = "/does/not/exist.pem";
    auto const made = TlsServer::create(options);
    ASSERT_FALSE(made.ok());
    EXPECT_TRUE(has(made.error().message, "/does/not/exist.pem"));
}

}  // namespace
}  // namespace sluice::net::test
