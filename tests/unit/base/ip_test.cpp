#include "sluice/ip.hpp"

#include <gtest/gtest.h>
#include <set>

namespace sluice {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value_or(IpAddress{}); }

IpRange range(std::string_view text) {
    std::string why;
    auto const parsed = IpRange::parse(text, why);
    EXPECT_TRUE(parsed) << text << ": " << why;
    return parsed.value_or(IpRange{});
}

TEST(IpAddress, ReadsAndWritesBothFamilies) {
    for (auto const* text :
         {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1"}) {
        EXPECT_EQ(ip(text).text(), text);
    }
    EXPECT_EQ(ip("2001:0DB8:0::0001").text(), "2001:db8::1");
    EXPECT_EQ(ip("::ffff:192.0.2.1"), ip("192.0.2.1")) << "one host has one value";
    EXPECT_EQ(IpAddress::local().text(), "unix");
    EXPECT_EQ(IpAddress{}.text(), "");
}

TEST(IpAddress, RefusesWhatIsNone) {
    for (auto const* text :
         {"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "::1%lo",
          "[::1]", "1.2.3.4:5", "::12345", "a.b.c.d", "0x7f.0.0.1", "2001:db8::1::2"}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
    EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')));
    EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(IpAddress, SiteIsTheAddressOrTheV6Network) {
    EXPECT_EQ(ip("192.0.2.1").site(), ip("192.0.2.1"));
    EXPECT_EQ(ip("2001:db8:1:2:3:4:5:6").site(), ip("2001:db8:1:2::"));
    EXPECT_NE(ip("2001:db8:1:2::1").site(), ip("2001:db8:1:3::1").site());
}

TEST(IpAddress, HashDependsOnAddressAndSeed) {
    std::set<std::uint64_t> seen;
    for (int i = 0; i < 256; ++i) seen.insert(ip("10.0.0." + std::to_string(i)).hash(1));
    EXPECT_EQ(seen.size(), 256u);
    EXPECT_NE(ip("10.0.0.1").hash(1), ip("10.0.0.1").hash(2));
}

TEST(IpRange, ContainsItsNetworkOnly) {
    struct Row {
        char const* range;
        char const* in;
        char const* out;
    };
    for (auto const& row :
         {Row{"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
          Row{"192.0.2.4/30", "192.0.2.7", "192.0.2.8"}, Row{"192.0.2.1", "192.0.2.1", "192.0.2.2"},
          Row{"0.0.0.0/0", "203.0.113.9", "::1"},
          Row{"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"},
          Row{"2001:db8::8000/113", "2001:db8::ffff", "2001:db8::7fff"}, Row{"::1", "::1", "::2"},
          Row{"::/0", "2001:db8::1", "192.0.2.1"}}) {
        EXPECT_TRUE(range(row.range).contains(ip(row.in))) << row.range << " " << row.in;
        EXPECT_FALSE(range(row.range).contains(ip(row.out))) << row.range << " " << row.out;
        EXPECT_EQ(range(row.range).text(), row.range);
    }
    EXPECT_TRUE(range("unix").contains(IpAddress::local()));
    EXPECT_FALSE(range("unix").contains(ip("127.0.0.1")));
    EXPECT_FALSE(range("0.0.0.0/0").contains(IpAddress{})) << "an unknown address is in no network";
    EXPECT_FALSE(range("0.0.0.0/0").contains(IpAddress::local()));
}

TEST(IpRange, RefusesWithWhatToWrite) {
    std::string why;
    for (auto const* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1",
                             "10.0.0.0/8/8", "localhost", "unix/8", "::ffff:10.0.0.0/104"}) {
        EXPECT_FALSE(IpRange::parse(text, why)) << text;
        EXPECT_FALSE(why.empty());
    }
    EXPECT_FALSE(IpRange::parse("10.1.2.3/8", why));
    EXPECT_NE(why.find("10.0.0.0/8"), std::string::npos) << why;
}

}  // namespace
}  // namespace sluice
