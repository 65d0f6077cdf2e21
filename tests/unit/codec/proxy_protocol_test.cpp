#include "codec/proxy_protocol.hpp"

#include <gtest/gtest.h>

namespace sluice::codec {
namespace {

using State = ProxyHeader::State;

struct Outcome {
    State state = State::more;
    std::size_t consumed = 0;
    std::string source;
    std::uint16_t port = 0;
    bool operator==(Outcome const&) const = default;
};

std::ostream& operator<<(std::ostream& out, Outcome const& o) {
    return out << static_cast<int>(o.state) << " " << o.consumed << " " << o.source << ":"
               << o.port;
}

Outcome feed(std::string_view bytes, std::size_t step) {
    ProxyHeader header;
    Outcome out;
    for (std::size_t at = 0; at < bytes.size() && out.state == State::more; at += step) {
        auto const fed = header.feed(bytes.substr(at, step));
        out.state = fed.state;
        out.consumed += fed.consumed;
    }
    if (out.state == State::done && header.has_source()) {
        out.source = header.source().text();
        out.port = header.source_port();
    }
    EXPECT_EQ(out.state == State::failed, !header.reason().empty());
    return out;
}

// The same in every split.
Outcome read(std::string_view bytes) {
    auto const whole = feed(bytes, bytes.size() + 1);
    for (std::size_t const step : {1, 2, 3, 7, 13}) EXPECT_EQ(feed(bytes, step), whole) << step;
    return whole;
}

std::string bytes_of(std::initializer_list<int> values) {
    std::string out;
    for (int const value : values) out.push_back(static_cast<char>(value));
    return out;
}

// Version 2 with this version and command, family and payload.
std::string v2(int command, int family, std::string const& payload) {
    auto const size = static_cast<int>(payload.size());
    return std::string("\r\n\r\n\0\r\nQUIT\n", 12) +
           bytes_of({command, family, size >> 8, size & 0xff}) + payload;
}

std::string const tcp4 = bytes_of({203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb});
std::string const tcp6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x09" +
                         std::string(15, '\0') + "\x01" + bytes_of({0x30, 0x39, 0x01, 0xbb});

TEST(ProxyHeader, ReadsVersionOne) {
    std::string const line = "PROXY TCP4 203.0.113.9 10.0.0.1 12345 443\r\n";
    EXPECT_EQ(read(line + "GET / HTTP/1.1\r\n"),
              (Outcome{State::done, line.size(), "203.0.113.9", 12345}));
    std::string const six = "PROXY TCP6 2001:db8::9 2001:db8::1 12345 443\r\n";
    EXPECT_EQ(read(six + "x"), (Outcome{State::done, six.size(), "2001:db8::9", 12345}));
    std::string const unknown = "PROXY UNKNOWN\r\n";
    EXPECT_EQ(read(unknown + "x"), (Outcome{State::done, unknown.size(), "", 0}));
    std::string const more = "PROXY UNKNOWN ff:: whatever it says 1 2\r\n";
    EXPECT_EQ(read(more), (Outcome{State::done, more.size(), "", 0}));
}

TEST(ProxyHeader, ReadsVersionTwo) {
    EXPECT_EQ(read(v2(0x21, 0x11, tcp4) + "GET"), (Outcome{State::done, 28, "203.0.113.9", 12345}));
    EXPECT_EQ(read(v2(0x21, 0x21, tcp6) + "GET"), (Outcome{State::done, 52, "2001:db8::9", 12345}));
    EXPECT_EQ(read(v2(0x21, 0x31, std::string(216, '/')) + "GET"),
              (Outcome{State::done, 232, "unix", 0}));
    EXPECT_EQ(read(v2(0x21, 0x00, "") + "GET"), (Outcome{State::done, 16, "", 0}));
}

TEST(ProxyHeader, SkipsTlvsByCount) {
    auto const tlvs = tcp4 + std::string("\x04\x01\x00", 3) + std::string(256, 'n');
    EXPECT_EQ(read(v2(0x21, 0x11, tlvs) + "GET"),
              (Outcome{State::done, 16 + tlvs.size(), "203.0.113.9", 12345}));
    auto const longest = tcp4 + std::string(65535 - tcp4.size(), 'x');
    EXPECT_EQ(feed(v2(0x21, 0x11, longest) + "GET", 1000),
              (Outcome{State::done, 16 + 65535, "203.0.113.9", 12345}));
}

TEST(ProxyHeader, LocalIsTheBalancerItself) {
    EXPECT_EQ(read(v2(0x20, 0x00, "") + "GET"), (Outcome{State::done, 16, "", 0}));
    EXPECT_EQ(read(v2(0x20, 0x11, tcp4)), (Outcome{State::done, 28, "", 0}))
        << "the addresses of LOCAL are ignored";
    EXPECT_EQ(read(v2(0x20, 0x99, "odd")), (Outcome{State::done, 19, "", 0}));
}

TEST(ProxyHeader, WaitsForTheRest) {
    std::string const line = "PROXY TCP4 203.0.113.9 10.0.0.1 12345 443\r\n";
    for (std::size_t n = 1; n < line.size(); ++n) {
        EXPECT_EQ(read(line.substr(0, n)).state, State::more) << n;
    }
    auto const binary = v2(0x21, 0x11, tcp4 + "tlv");
    for (std::size_t n = 1; n < binary.size(); ++n) {
        EXPECT_EQ(read(binary.substr(0, n)).state, State::more) << n;
    }
}

TEST(ProxyHeader, RefusesEverythingElse) {
    auto wrong_end = v2(0x21, 0x11, tcp4);
    wrong_end[11] = 'x';
    for (auto const& bytes : std::vector<std::string>{
             "GET / HTTP/1.1\r\n",
             "\x16\x03\x01",
             "PROXY\r\n",
             "PROXY TCP5 1.2.3.4 1.2.3.4 1 1\r\n",
             "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
             "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n",
             "PROXY TCP4  1.2.3.4 1.2.3.4 1 1\r\n",
             "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n",
             "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n",
             "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
             "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n",
             "PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n",
             "PROXY TCP4 1.2.3.256 1.2.3.4 1 1\r\n",
             "PROXY TCP4 ::1 ::1 1 1\r\n",
             "PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n",
             "proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
             "PROXY UNKNOWN " + std::string(100, 'x') + "\r\n",
             v2(0x11, 0x11, tcp4),
             v2(0x22, 0x11, tcp4),
             v2(0x21, 0x12, tcp4),
             v2(0x21, 0x41, tcp4),
             v2(0x21, 0x11, tcp4.substr(1)),
             v2(0x21, 0x21, tcp4),
             v2(0x21, 0x31, tcp4),
             wrong_end,
         }) {
        EXPECT_EQ(read(bytes).state, State::failed) << bytes;
    }
}

}  // namespace
}  // namespace sluice::codec
