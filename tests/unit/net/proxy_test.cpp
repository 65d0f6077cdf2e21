// Which proxy a destination goes through, and what is said to it.
#include "net/proxy.hpp"

#include <gtest/gtest.h>

namespace sluice::net {
namespace {

TEST(ProxyFor, NoProxyListDecides) {
    struct Row {
        char const* no_proxy;
        char const* host;
        std::uint16_t port;
        bool through;
    };
    Row const rows[] = {
        {"", "api.example.com", 443, true},
        {"*", "api.example.com", 443, false},
        {"example.com", "example.com", 443, false},
        {"example.com", "api.example.com", 443, false},
        {"example.com", "API.Example.COM", 443, false},
        {"example.com", "api.example.com.", 443, false},
        {"example.com.", "api.example.com", 443, false},
        {"example.com", "badexample.com", 443, true},
        {"example.com", "example.com.evil.org", 443, true},
        {".example.com", "api.example.com", 443, false},
        {".example.com", "example.com", 443, false},
        {".example.com", "badexample.com", 443, true},
        {"*.example.com", "a.b.example.com", 443, false},
        {"*.example.com", "badexample.com", 443, true},
        {"other.org, example.com", "api.example.com", 443, false},
        {"other.org example.com", "api.example.com", 443, false},
        {",, ,", "api.example.com", 443, true},
        {"example.com:443", "api.example.com", 443, false},
        {"example.com:8443", "api.example.com", 443, true},
        {"example.com:x", "api.example.com", 443, true},
        {"10.0.0.1", "10.0.0.1", 80, false},
        {"10.0.0.1", "10.0.0.11", 80, true},
        {"10.0.0.1:81", "10.0.0.1", 80, true},
        {"0.0.1", "10.0.0.1", 80, true},
        {"10.0.0.0/8", "10.200.3.4", 80, false},
        {"10.0.0.0/8", "11.0.0.1", 80, true},
        {"10.128.0.0/9", "10.127.255.255", 80, true},
        {"10.128.0.0/9", "10.128.0.0", 80, false},
        {"0.0.0.0/0", "8.8.8.8", 80, false},
        {"10.0.0.0/33", "10.0.0.1", 80, true},
        {"10.0.0.0/", "10.0.0.1", 80, true},
        {"10.0.0.0/8", "10.example.com", 80, true},
        {"fd00::/8", "fd12::1", 443, false},
        {"fd00::/8", "2001:db8::1", 443, true},
        {"[fd00::]/8", "fd12::1", 443, false},
        {"2001:db8::1", "2001:db8:0::1", 443, false},
        {"[2001:db8::1]", "[2001:db8::1]", 443, false},
        {"[2001:db8::1]:443", "2001:db8::1", 443, false},
        {"[2001:db8::1]:444", "2001:db8::1", 443, true},
        {"", "localhost", 80, false},
        {"", "a.localhost", 80, false},
        {"", "127.1.2.3", 80, false},
        {"", "::1", 80, false},
    };
    for (auto const& row : rows) {
        auto const proxy =
            proxy_for("https", row.host, row.port, "http://p:1", "http://q:2", row.no_proxy);
        EXPECT_EQ(proxy, row.through ? "http://p:1" : "") << row.no_proxy << " | " << row.host;
    }
}

TEST(ProxyFor, SchemeChoosesTheVariable) {
    EXPECT_EQ(proxy_for("https", "a.b", 443, "http://p:1", "http://q:2", ""), "http://p:1");
    EXPECT_EQ(proxy_for("http", "a.b", 80, "http://p:1", "http://q:2", ""), "http://q:2");
    EXPECT_EQ(proxy_for("https", "a.b", 443, "", "http://q:2", ""), "");
    EXPECT_EQ(proxy_for("unix", "/run/x", 0, "http://p:1", "http://q:2", ""), "");
    EXPECT_EQ(proxy_for("inproc", "mock", 0, "http://p:1", "http://q:2", ""), "");
}

TEST(ParseProxy, PartsAreRead) {
    struct Row {
        char const* url;
        char const* host;
        std::uint16_t port;
        char const* authorization;
    };
    Row const rows[] = {
        {"http://proxy:3128", "proxy", 3128, ""},
        {"proxy:3128", "proxy", 3128, ""},
        {"http://proxy", "proxy", 80, ""},
        {"HTTP://proxy:1/", "proxy", 1, ""},
        {"http://[::1]:3128", "::1", 3128, ""},
        {"http://user:pass@proxy:3128", "proxy", 3128, "Basic dXNlcjpwYXNz"},
        {"http://user@proxy:3128", "proxy", 3128, "Basic dXNlcjo="},
        {"http://us%40er:p%3Ass@proxy:3128", "proxy", 3128, "Basic dXNAZXI6cDpzcw=="},
        {"http://u:p@ss@proxy:1", "proxy", 1, "Basic dTpwQHNz"},
    };
    for (auto const& row : rows) {
        auto const proxy = parse_proxy(row.url);
        ASSERT_TRUE(proxy.ok()) << row.url;
        EXPECT_EQ(proxy->host, row.host) << row.url;
        EXPECT_EQ(proxy->port, row.port) << row.url;
        EXPECT_EQ(proxy->authorization, row.authorization) << row.url;
    }
}

TEST(ParseProxy, ErrorsNeverShowTheUrl) {
    for (auto const* url : {"https://user:s3cret@proxy:1", "socks5://s3cret:x@p:1", "http://",
                            "http://user:s3cret@", "http://u:s3cret@p:0", "http://u:s3cret@p:99999",
                            "http://u:s3cret@p:x", "http://u:s3cret%zz@p:1", "http://u:s3cret%4@p",
                            "http://u:s3cret@a b:1", "http://u:s3cret@a\r\nb:1"}) {
        auto const proxy = parse_proxy(url);
        ASSERT_FALSE(proxy.ok()) << url;
        EXPECT_EQ(proxy.error().message.find("s3cret"), std::string::npos) << url;
        EXPECT_EQ(proxy.error().detail.find("s3cret"), std::string::npos) << url;
    }
}

TEST(ConnectRequest, NamesTheDestinationAndTheCredentials) {
    EXPECT_EQ(connect_request({"p", 1, ""}, "api.example.com", 443),
              "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n\r\n");
    EXPECT_EQ(connect_request({"p", 1, "Basic eA=="}, "::1", 8443),
              "CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n"
              "Proxy-Authorization: Basic eA==\r\n\r\n");
}

}  // namespace
}  // namespace sluice::net
