// The edge of the server: PROXY headers, caps, slow clients, the last accepts of a drain, workers
// that share a queue, sockets that are handed over.
#include <atomic>
#include <fcntl.h>
#include <sys/un.h>

#include "net/connection_caps.hpp"
#include "net/inherited.hpp"
#include "support/certificates.hpp"
#include "unit/net/server_rig.hpp"

namespace sluice::net::test {
namespace {

std::string get(std::string_view path) {
    return "GET " + std::string{path} + " HTTP/1.1\r\nHost: t\r\n\r\n";
}

IpRanges ranges(std::string_view text) {
    std::string why;
    return {IpRange::parse(text, why).value()};
}

ServerOptions trusting_loopback() {
    ServerOptions options;
    options.trusted_proxies = ranges("127.0.0.0/8");
    return options;
}

constexpr std::string_view proxy_line = "PROXY TCP4 203.0.113.9 10.0.0.1 12345 443\r\n";

TEST(ServerProxyHeader, NamesTheClient) {
    Server server{trusting_loopback(), nullptr, "", true};
    Client client{server.port};
    client.send(std::string{proxy_line} + get("/peer"));
    EXPECT_TRUE(client.read_answer().ends_with("203.0.113.9 203.0.113.9 "));
    client.send(get("/peer"));
    EXPECT_TRUE(client.read_answer().ends_with("203.0.113.9 203.0.113.9 ")) << "for all requests";
}

TEST(ServerProxyHeader, MayComeInPieces) {
    Server server{trusting_loopback(), nullptr, "", true};
    Client client{server.port};
    for (char const c : proxy_line) {
        client.send({&c, 1});
        std::this_thread::sleep_for(milliseconds{1});
    }
    client.send(get("/peer"));
    EXPECT_TRUE(client.read_answer().ends_with("203.0.113.9 203.0.113.9 "));
}

TEST(ServerProxyHeader, LocalKeepsTheBalancersAddress) {
    Server server{trusting_loopback(), nullptr, "", true};
    Client client{server.port};
    client.send(std::string("\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", 16) + get("/peer"));
    EXPECT_TRUE(client.read_answer().ends_with("127.0.0.1 127.0.0.1 "));
}

TEST(ServerProxyHeader, ComesBeforeTls) {
    sluice::test::Certificates certificates;
    auto const tls =
        TlsServer::create({certificates.cert_file(), certificates.key_file(), "", true}).value();
    Server server{trusting_loopback(), tls, "", true};
    Client client{server.port};
    client.send(proxy_line);
    auto const context = certificates.client_context();
    ASSERT_TRUE(client.start_tls(context.get()));
    client.send(get("/peer"));
    EXPECT_TRUE(client.read_answer().ends_with("203.0.113.9 203.0.113.9 "));
}

TEST(ServerProxyHeader, IsTakenFromTrustedProxiesOnly) {
    ServerOptions options;
    options.trusted_proxies = ranges("192.0.2.0/24");
    Server server{options, nullptr, "", true};
    Client client{server.port};
    client.send(std::string{proxy_line} + get("/peer"));
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_EQ(server.stats().connections_refused_proxy, 1u);
}

TEST(ServerProxyHeader, IsNeeded) {
    Server server{trusting_loopback(), nullptr, "", true};
    Client client{server.port};
    client.send(get("/peer"));
    EXPECT_EQ(client.read_to_end(), "") << "served without a header";
    EXPECT_EQ(server.stats().connections_refused_proxy, 1u);
    Client probe{server.port};  // a balancer that only connects
    probe.close();
    Client next{server.port};
    next.send(std::string{proxy_line} + get("/x"));
    EXPECT_FALSE(next.read_answer().empty());
    EXPECT_EQ(server.stats().connections_refused_proxy, 1u) << "a mere connect is no fault";
}

TEST(ServerProxyHeader, HasToComeInTime) {
    auto options = trusting_loopback();
    options.head_timeout = milliseconds{150};
    Server server{options, nullptr, "", true};
    Client client{server.port};
    client.send("PROXY TCP4 ");
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_EQ(server.stats().slow_heads, 1u);
}

TEST(ServerCaps, ConnectionsOfOneAddress) {
    ServerOptions options;
    options.connections_per_address_max = 2;
    Server server{options};
    {
        Client first{server.port};
        Client second{server.port};
        for (auto* client : {&first, &second}) {
            client->send(get("/x"));
            EXPECT_TRUE(client->read_answer().starts_with("HTTP/1.1 200 "));
        }
        Client third{server.port};
        auto const answer = third.read_to_end();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ")) << answer;
        EXPECT_TRUE(has(answer, "Retry-After: 1\r\n"));
        EXPECT_EQ(server.stats().connections_refused_address, 1u);
        Client elsewhere{server.second_port};
        elsewhere.send(get("/x"));
        EXPECT_TRUE(elsewhere.read_answer().starts_with("HTTP/1.1 200 ")) << "another listener";
    }
    for (int i = 0; i < 1000 && server.stats().connections_open > 0; ++i) {
        std::this_thread::sleep_for(milliseconds{5});
    }
    Client again{server.port};
    again.send(get("/x"));
    EXPECT_TRUE(again.read_answer().starts_with("HTTP/1.1 200 ")) << "what was taken came back";
}

TEST(ServerCaps, ATrustedProxyStandsForMany) {
    auto options = trusting_loopback();
    options.connections_per_address_max = 1;
    Server server{options};
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 5; ++i) {
        clients.push_back(std::make_unique<Client>(server.port));
        clients.back()->send(get("/x"));
        EXPECT_TRUE(clients.back()->read_answer().starts_with("HTTP/1.1 200 "));
    }
}

TEST(ServerCaps, CountsTheClientBehindAProxyHeader) {
    auto options = trusting_loopback();
    options.connections_per_address_max = 1;
    Server server{options, nullptr, "", true};
    Client first{server.port};
    first.send(std::string{proxy_line} + get("/x"));
    EXPECT_TRUE(first.read_answer().starts_with("HTTP/1.1 200 "));
    Client same{server.port};
    same.send(proxy_line);
    EXPECT_TRUE(same.read_to_end().starts_with("HTTP/1.1 503 "));
    Client other{server.port};
    other.send("PROXY TCP4 203.0.113.10 10.0.0.1 1 2\r\n" + get("/x"));
    EXPECT_TRUE(other.read_answer().starts_with("HTTP/1.1 200 "));
}

TEST(ServerSlow, ABodyThatTricklesIsCutAlthoughItNeverPauses) {
    ServerOptions options;
    options.body_idle = milliseconds{400};
    options.body_rate_min = 1000;
    Server server{options};
    Client client{server.port};
    client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n");
    std::atomic<bool> done{false};
    std::thread trickle([&] {
        while (!done && client.send("x")) std::this_thread::sleep_for(milliseconds{20});
    });
    EXPECT_TRUE(server.journal.wait_for("body request_timeout"));
    done = true;
    trickle.join();
    EXPECT_EQ(server.stats().slow_bodies, 1u);
}

TEST(ServerSlow, ABodyAtTheRateArrives) {
    ServerOptions options;
    options.body_idle = milliseconds{300};
    options.body_rate_min = 1000;
    Server server{options};
    Client client{server.port};
    client.send("POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 6000\r\n\r\n");
    for (int i = 0; i < 10; ++i) {  // 600 ms, twice body_idle, but 10,000 bytes a second
        client.send(std::string(600, 'x'));
        std::this_thread::sleep_for(milliseconds{60});
    }
    EXPECT_TRUE(client.read_answer().starts_with("HTTP/1.1 200 "));
}

// Reads a little now and then, so that write_idle alone never ends it.
void expect_cut(Server& server, Client& client) {
    std::atomic<bool> done{false};
    std::thread sipping([&] {
        char sip[512];
        while (!done && client.take(sip, sizeof sip)) {
            std::this_thread::sleep_for(milliseconds{30});
        }
    });
    EXPECT_TRUE(server.journal.wait_for("write request_timeout"));
    done = true;
    sipping.join();
    EXPECT_EQ(server.stats().slow_readers, 1u);
}

TEST(ServerSlow, AnAnswerTakenInSipsIsCut) {
    ServerOptions options;
    options.write_idle = milliseconds{500};
    options.write_rate_min = 1'000'000;
    Server server{options};
    Client client{server.port, 4096};
    client.send(get("/flood"));
    expect_cut(server, client);
}

TEST(ServerSlow, TheWriteDeadlineEndsAWaitForTheClient) {
    ServerOptions options;
    options.write_rate_min = 0;
    Server server{options};
    Client client{server.port, 4096};
    client.send(get("/flood-until"));
    expect_cut(server, client);
}

TEST(ServerDrain, ServesWhatTheKernelHadLetIn) {
    Journal journal;
    ScriptedHandler handler{journal};
    auto const worker = Worker::create(0);
    std::uint16_t port = 0;
    ListenerFd listener;
    listener.fd = Server::listen_on(port);
    worker->add_listener(std::move(listener), handler, std::make_shared<ServerOptions>());
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 100; ++i) {
        clients.push_back(std::make_unique<Client>(port));
        clients.back()->send(get("/x"));
    }
    auto late = std::make_unique<Client>(port);  // let in, but has not said anything yet
    worker->stop(seconds{10});
    std::thread thread{[&] { worker->run(); }};
    for (auto& client : clients) {
        auto const answer = client->read_to_end();
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
        EXPECT_TRUE(has(answer, "Connection: close"));
    }
    late->send(get("/x"));
    EXPECT_TRUE(late->read_to_end().starts_with("HTTP/1.1 200 "));
    thread.join();
}

// Two workers at one queue.
class SharedQueue : public testing::Test {
  protected:
    void open(bool both_run) {
        std::uint16_t port = 0;
        int const fd = Server::listen_on(port);
        port_ = port;
        workers_.clear();
        for (unsigned i = 0; i < 2; ++i) {
            workers_.push_back(Worker::create(i));
            ListenerFd listener;
            listener.fd = i == 0 ? fd : ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
            listener.shared_queue = true;
            listener.caps = caps_;
            workers_.back()->add_listener(std::move(listener), handler_,
                                          std::make_shared<ServerOptions>());
        }
        for (unsigned i = 0; i < (both_run ? 2U : 1U); ++i) {
            threads_.emplace_back([this, i] { workers_[i]->run(); });
        }
    }
    void ask(int n) {
        for (int i = 0; i < n; ++i) {
            clients_.push_back(std::make_unique<Client>(port_));
            clients_.back()->send(get("/x"));
            EXPECT_TRUE(clients_.back()->read_answer().starts_with("HTTP/1.1 200 "));
        }
    }
    void stop() {
        clients_.clear();
        for (std::size_t i = 0; i < threads_.size(); ++i) workers_[i]->stop(seconds{10});
        for (auto& thread : threads_) thread.join();
        threads_.clear();
    }

    Journal journal_;
    ScriptedHandler handler_{journal_};
    std::shared_ptr<ConnectionCaps> caps_ = std::make_shared<ConnectionCaps>(2);
    std::uint16_t port_ = 0;
    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
    std::vector<std::unique_ptr<Client>> clients_;
};

TEST_F(SharedQueue, AWorkerFarAboveTheMeanLeavesConnectionsToOthers) {
    // On a busy machine it may not even wake before the other has taken all: then once more.
    std::uint64_t pauses = 0;
    for (int round = 0; round < 20 && pauses == 0; ++round) {
        caps_ = std::make_shared<ConnectionCaps>(2);
        for (int i = 0; i < 400; ++i) caps_->open(0, 10'000);  // as if it held so many
        open(true);
        ask(60);
        stop();
        auto const first = workers_[0]->stats(), second = workers_[1]->stats();
        EXPECT_EQ(first.connections_accepted + second.connections_accepted, 60u);
        EXPECT_GT(second.connections_accepted, 45u);
        pauses = first.accept_pauses;
    }
    EXPECT_GT(pauses, 0u);
}

TEST_F(SharedQueue, AWorkerFarAboveTheMeanStillServesWhenNobodyElseDoes) {
    for (int i = 0; i < 400; ++i) caps_->open(0, 10'000);
    open(false);
    ask(10);
    stop();
    EXPECT_EQ(workers_[0]->stats().connections_accepted, 10u);
}

class Inherited : public testing::Test {
  protected:
    static constexpr int first = 400;
    void TearDown() override {
        for (int fd = first; fd < first + 4; ++fd) ::close(fd);
    }
    // A listening socket at `first` + i.
    static std::uint16_t place(int i) {
        std::uint16_t port = 0;
        int const fd = Server::listen_on(port);
        EXPECT_EQ(::dup2(fd, first + i), first + i);
        ::close(fd);
        return port;
    }
};

TEST_F(Inherited, NamesAndAddressesComeFromTheSocket) {
    auto const port = place(0);
    place(1);
    auto found = inherited_sockets({"77", "2", "public:unknown"}, 77, first);
    ASSERT_TRUE(found.ok()) << found.error().message;
    ASSERT_EQ(found->size(), 2u);
    EXPECT_EQ((*found)[0].name, "public");
    EXPECT_EQ((*found)[0].address, "127.0.0.1:" + std::to_string(port));
    EXPECT_TRUE((*found)[0].loopback);
    EXPECT_EQ((*found)[1].name, "") << "systemd's word for no name";
    EXPECT_NE(::fcntl(first, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Inherited, AreForTheNamedProcessOnly) {
    place(0);
    EXPECT_TRUE(inherited_sockets({"78", "1", nullptr}, 77, first)->empty());
    EXPECT_TRUE(inherited_sockets({nullptr, "1", nullptr}, 77, first)->empty());
    EXPECT_TRUE(inherited_sockets({"77", nullptr, nullptr}, 77, first)->empty());
}

TEST_F(Inherited, RefusesWhatIsNoListeningSocket) {
    int const other = ::socket(AF_INET, SOCK_STREAM, 0);
    ::dup2(other, first);
    ::close(other);
    EXPECT_FALSE(inherited_sockets({"77", "1", nullptr}, 77, first).ok());
    EXPECT_FALSE(inherited_sockets({"77", "x", nullptr}, 77, first).ok());
    EXPECT_FALSE(inherited_sockets({"77", "-1", nullptr}, 77, first).ok());
    EXPECT_FALSE(inherited_sockets({"77", "4000000", nullptr}, 77, first).ok());
    EXPECT_FALSE(inherited_sockets({"77", "2", nullptr}, 77, first + 2).ok()) << "nothing there";
}

TEST_F(Inherited, AreTakenByNameThenByAddress) {
    auto const port = place(0);
    auto const second = place(1);
    auto sockets = inherited_sockets({"77", "2", "public:"}, 77, first).value();
    auto const at_second = "127.0.0.1:" + std::to_string(second);
    auto none = take_inherited(sockets, "private", "127.0.0.1:1", 2);
    ASSERT_TRUE(none.ok());
    EXPECT_TRUE(none->fds.empty());
    auto by_name = take_inherited(sockets, "public", at_second, 3);
    ASSERT_TRUE(by_name.ok());
    EXPECT_EQ(by_name->port, port);
    EXPECT_EQ(by_name->fds.size(), 3u);
    EXPECT_TRUE(by_name->shared_queue);
    auto by_address = take_inherited(sockets, "", at_second, 1);
    EXPECT_EQ(by_address->port, second);
    EXPECT_TRUE(sockets.empty());
    for (int const fd : by_name->fds) ::close(fd);
}

TEST_F(Inherited, AnOpenSocketDoesNotStandForALoopbackListener) {
    int const fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in any{};
    any.sin_family = AF_INET;
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
    ASSERT_EQ(::listen(fd, 1), 0);
    ::dup2(fd, first);
    ::close(fd);
    auto sockets = inherited_sockets({"77", "1", "public"}, 77, first).value();
    EXPECT_FALSE(sockets[0].loopback);
    EXPECT_FALSE(take_inherited(sockets, "public", "127.0.0.1:8080", 1).ok());
    EXPECT_NE(not_taken(sockets).message.find("(public)"), std::string::npos);
    auto taken = take_inherited(sockets, "public", "0.0.0.0:8080", 1);
    ASSERT_TRUE(taken.ok()) << taken.error().message;
    EXPECT_FALSE(taken->loopback);
}

TEST(ServerTlsClients, CertificatesAreRequiredAndNamed) {
    sluice::test::Certificates certificates;
    auto const made = TlsServer::create(
        {certificates.cert_file(), certificates.key_file(), certificates.ca_file(), true});
    ASSERT_TRUE(made.ok()) << made.error().message;
    Server server{{}, made.value()};
    auto const context = certificates.client_context();
    {
        Client without{server.port};
        // With TLS 1.3 the client learns of the refusal when it reads.
        if (without.start_tls(context.get())) {
            without.send(get("/peer"));
            EXPECT_EQ(without.read_to_end(), "");
        }
    }
    ASSERT_EQ(SSL_CTX_use_certificate_file(context.get(), certificates.cert_file().c_str(),
                                           SSL_FILETYPE_PEM),
              1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), certificates.key_file().c_str(),
                                          SSL_FILETYPE_PEM),
              1);
    Client with{server.port};
    ASSERT_TRUE(with.start_tls(context.get()));
    with.send(get("/peer"));
    EXPECT_TRUE(has(with.read_answer(), "CN=localhost"));
}

TEST(ServerTlsClients, RequestedCertificatesMayBeLeftOutButNotForged) {
    sluice::test::Certificates certificates;
    sluice::test::Certificates strangers;
    auto const tls = TlsServer::create(
        {certificates.cert_file(), certificates.key_file(), certificates.ca_file(), false});
    Server server{{}, tls.value()};
    auto const context = certificates.client_context();
    Client without{server.port};
    ASSERT_TRUE(without.start_tls(context.get()));
    without.send(get("/peer"));
    EXPECT_TRUE(without.read_answer().ends_with("127.0.0.1 127.0.0.1 "));
    SSL_CTX_use_certificate_file(context.get(), strangers.cert_file().c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context.get(), strangers.key_file().c_str(), SSL_FILETYPE_PEM);
    Client forged{server.port};
    if (forged.start_tls(context.get())) {
        forged.send(get("/peer"));
        EXPECT_EQ(forged.read_to_end(), "");
    }
}

TEST(Server, TellsATlsClientThatThePortIsPlain) {
    Server server;
    Client client{server.port};
    client.send(std::string_view{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11});
    auto const answer = client.read_to_end();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << answer;
    EXPECT_TRUE(has(answer, "http://")) << answer;
}

}  // namespace
}  // namespace sluice::net::test
