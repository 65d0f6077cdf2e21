#include "codec/forwarded.hpp"

#include <gtest/gtest.h>

namespace sluice::codec {
namespace {

using Fields = std::vector<std::string_view>;

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value_or(IpAddress{}); }

IpRanges trusted() {
    IpRanges ranges;
    std::string why;
    for (auto const* text : {"10.0.0.0/8", "2001:db8:ff::/48", "unix"}) {
        ranges.push_back(IpRange::parse(text, why).value());
    }
    return ranges;
}

std::string by_list(Fields const& fields) {
    return client_by_x_forwarded_for(fields, trusted(), ip("10.0.0.1")).text();
}

std::string by_forwarded(Fields const& fields) {
    auto const client = client_by_forwarded(fields, trusted(), ip("10.0.0.1"));
    return client ? client->text() : "malformed";
}

TEST(Forwarded, ReadsHopsInEveryForm) {
    for (auto const& [text, expected] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"192.0.2.1", "192.0.2.1"},
             {" 192.0.2.1\t", "192.0.2.1"},
             {"192.0.2.1:4711", "192.0.2.1"},
             {"2001:db8::1", "2001:db8::1"},
             {"[2001:db8::1]", "2001:db8::1"},
             {"[2001:db8::1]:4711", "2001:db8::1"},
             {"::ffff:192.0.2.1", "192.0.2.1"},
             {"unknown", ""},
             {"_hidden", ""},
             {"", ""},
             {"192.0.2.1:", ""},
             {"192.0.2.1:port", ""},
             {"192.0.2.1:123456", ""},
             {"[192.0.2.1]", ""},
             {"[2001:db8::1", ""},
             {"[2001:db8::1]x", ""},
             {"192.0.2.1, 192.0.2.2", ""},
         }) {
        EXPECT_EQ(parse_hop(text).text(), expected) << text;
    }
}

TEST(Forwarded, TheRightMostUntrustedAddressIsTheClient) {
    EXPECT_EQ(by_list({"203.0.113.9"}), "203.0.113.9");
    EXPECT_EQ(by_list({"203.0.113.9, 10.0.0.2, 10.0.0.3"}), "203.0.113.9");
    EXPECT_EQ(by_list({"203.0.113.9", "10.0.0.2"}), "203.0.113.9") << "several fields are one list";
    EXPECT_EQ(by_list({"2001:db8::9, 2001:db8:ff::1"}), "2001:db8::9");
    EXPECT_EQ(by_list({"203.0.113.9,,10.0.0.2, "}), "203.0.113.9") << "empty entries are none";
    EXPECT_EQ(by_list({""}), "10.0.0.1") << "no entry: the peer";
    EXPECT_EQ(by_list({"10.1.1.1, 10.0.0.2"}), "10.1.1.1") << "all trusted: the left-most";
}

TEST(Forwarded, WhatTheClientWroteItselfIsIgnored) {
    EXPECT_EQ(by_list({"127.0.0.1, 203.0.113.9"}), "203.0.113.9");
    EXPECT_EQ(by_list({"10.0.0.7, 203.0.113.9, 10.0.0.2"}), "203.0.113.9");
    EXPECT_EQ(by_list({"garbage; \"quote, 203.0.113.9"}), "203.0.113.9");
    std::string const commas(20'000, ',');
    EXPECT_EQ(by_list({commas, "203.0.113.9"}), "203.0.113.9");
    EXPECT_EQ(by_forwarded({"for=127.0.0.1, for=203.0.113.9"}), "203.0.113.9");
    EXPECT_EQ(by_forwarded({"for=10.0.0.7", "for=203.0.113.9, for=10.0.0.2"}), "203.0.113.9");
}

TEST(Forwarded, AnAddressATrustedProxyDoesNotTellIsUnknown) {
    EXPECT_EQ(by_list({"203.0.113.9, unknown, 10.0.0.2"}), "");
    EXPECT_EQ(by_forwarded({"for=203.0.113.9, for=unknown"}), "");
    EXPECT_EQ(by_forwarded({"for=203.0.113.9, for=_secret, for=10.0.0.2"}), "");
    EXPECT_EQ(by_forwarded({"for=203.0.113.9, proto=https"}), "") << "a hop without for";
}

TEST(Forwarded, ReadsTheGrammarOfRfc7239) {
    EXPECT_EQ(by_forwarded({"for=203.0.113.9;proto=http;by=10.0.0.1"}), "203.0.113.9");
    EXPECT_EQ(by_forwarded({"For=\"203.0.113.9:4711\""}), "203.0.113.9");
    EXPECT_EQ(by_forwarded({R"(proto=https;for="[2001:db8::9]:4711";host="a,b;c")"}),
              "2001:db8::9");
    EXPECT_EQ(by_forwarded({R"(for="203\.0.113.9")"}), "203.0.113.9") << "quoted pair";
    EXPECT_EQ(by_forwarded({"for=203.0.113.9 ; proto=http , for=10.0.0.2"}), "203.0.113.9");
    EXPECT_EQ(by_forwarded({"for=203.0.113.9:4711"}), "203.0.113.9")
        << "unquoted, as many write it";
    EXPECT_EQ(by_forwarded({""}), "10.0.0.1");
    auto const secret = "secret=" + std::string(500, 's') + ";for=203.0.113.9";
    EXPECT_EQ(by_forwarded({secret}), "203.0.113.9");
}

TEST(Forwarded, ABrokenOneIsNotGuessedAt) {
    for (auto const* text : {"for", "for=", "=203.0.113.9", "for=\"203.0.113.9", "for=a b",
                             "for=203.0.113.9;for=203.0.113.8", "for=\"a\\", "for=\"\"x", "{"}) {
        EXPECT_EQ(by_forwarded({text}), "malformed") << text;
        EXPECT_EQ(by_forwarded({text, "for=203.0.113.9"}), "malformed") << text;
    }
    EXPECT_EQ(by_forwarded({"for=\"", "for=203.0.113.9"}), "malformed")
        << "an open quote must not swallow what a proxy wrote";
}

TEST(Forwarded, TooManyHopsNameNobody) {
    std::string list = "203.0.113.9";
    std::string forwarded = "for=203.0.113.9";
    for (int i = 0; i < 63; ++i) list += ", 10.0.0.2";
    for (int i = 0; i < 63; ++i) forwarded += ", for=10.0.0.2";
    EXPECT_EQ(by_list({list}), "203.0.113.9");
    EXPECT_EQ(by_forwarded({forwarded}), "203.0.113.9");
    list += ", 10.0.0.2";
    forwarded += ", for=10.0.0.2";
    EXPECT_EQ(by_list({list}), "");
    EXPECT_EQ(by_forwarded({forwarded}), "");
    for (int i = 0; i < 500; ++i) forwarded += ", for=10.0.0.2";
    forwarded += ", for=198.51.100.7";
    EXPECT_EQ(by_forwarded({forwarded}), "198.51.100.7");
}

}  // namespace
}  // namespace sluice::codec
