// Addresses, URLs and names as words.
#include "config/address.hpp"

#include <gtest/gtest.h>

#include "config/names.hpp"

namespace sluice::config {
namespace {

TEST(Address, accepted_forms_are_normalised) {
    std::string why;
    struct {
        char const* given;
        char const* text;
        bool is_loopback;
    } const cases[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080", true}, {"localhost:0", "127.0.0.1:0", true},
        {"0.0.0.0:65535", "0.0.0.0:65535", false},  {"[::1]:8443", "[::1]:8443", true},
        {"[::]:8443", "[::]:8443", false},          {"unix:/run/s.sock", "unix:/run/s.sock", true}};
    for (auto const& [given, text, is_loopback] : cases) {
        auto const address = parse_address(given, why);
        ASSERT_TRUE(address) << given << " " << why;
        EXPECT_EQ(address->text(), text);
        EXPECT_EQ(address->is_loopback(), is_loopback) << given;
    }
}

TEST(Address, others_are_refused) {
    std::string why;
    for (char const* given :
         {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
          "127.0.0.1:80x", "::1:8080", "[::1]", "[::1:8080", "host.example.com:80", "127.1:80",
          "unix:", "unix:relative", "http://127.0.0.1:80", "[127.0.0.1]:80", " 127.0.0.1:80"}) {
        EXPECT_FALSE(parse_address(given, why)) << given;
    }
    EXPECT_FALSE(parse_address("unix:/" + std::string(107, 'a'), why));
    EXPECT_FALSE(parse_address("::1:8080", why));
    EXPECT_NE(why.find("brackets"), std::string::npos);
}

TEST(Url, is_taken_apart) {
    std::string why;
    auto const url = parse_url("https://u:p@[::1]:8443/a/b//", why);
    ASSERT_TRUE(url) << why;
    EXPECT_TRUE(url->is_tls);
    EXPECT_EQ(url->host, "::1");
    EXPECT_EQ(url->user_info, "u:p");
    EXPECT_EQ(url->text, "https://[::1]:8443/a/b");
}

TEST(Url, others_are_refused) {
    std::string why;
    for (char const* given : {"", "ftp://x", "x.example.com", "https://", "https:///v1",
                              "https://<resource>.example.com", "https://a b", "https://a?b=c",
                              "https://a#b", "https://a:0", "https://a:99999",
                              "https://a:", "https://[::1", "https://{a}", "http://a\nb"}) {
        EXPECT_FALSE(parse_url(given, why)) << given;
    }
}

TEST(Names, patterns_meet_and_tie) {
    EXPECT_TRUE(do_patterns_meet("gpt-*", "*-mini"));
    EXPECT_TRUE(do_patterns_meet("gpt-*", "gpt-4o"));
    EXPECT_FALSE(do_patterns_meet("gpt-*", "o*"));
    EXPECT_FALSE(do_patterns_meet("a*x", "a*y"));
    EXPECT_FALSE(do_patterns_meet("ab*ba", "aba"));
    EXPECT_TRUE(do_patterns_tie("gpt-*", "gpt-*-mini"));
    EXPECT_FALSE(do_patterns_tie("gpt-*", "gpt-4*"));
    EXPECT_FALSE(do_patterns_tie("gpt-*", "gpt-4o"));
}

TEST(Names, base_paths) {
    for (char const* fine : {"", "/a", "/a/b-c_d.e"}) EXPECT_FALSE(check_base_path(fine)) << fine;
    for (char const* wrong : {"a", "/", "/a/", "//a", "/../a", "/a b", "/a?b"}) {
        EXPECT_TRUE(check_base_path(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace sluice::config
