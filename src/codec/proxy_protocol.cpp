// See proxy_protocol.hpp. The grammar: haproxy's proxy-protocol.txt, sections 2.1 and 2.2.
#include "codec/proxy_protocol.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>

namespace sluice::codec {
namespace {

constexpr std::string_view text_start = "PROXY ";
constexpr std::string_view signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t fixed_bytes = 16;  // signature, version and command, family, length

constexpr std::uint8_t version_2_local = 0x20;
constexpr std::uint8_t version_2_proxy = 0x21;
constexpr std::uint8_t unspecified = 0x00;
constexpr std::uint8_t tcp4 = 0x11;
constexpr std::uint8_t tcp6 = 0x21;
constexpr std::uint8_t unix_stream = 0x31;

// Cuts the text before the next space off `rest`.
std::string_view next_word(std::string_view& rest) noexcept {
    auto const end = std::min(rest.find(' '), rest.size());
    auto const word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return word;
}

// Decimal without leading zeros.
std::optional<std::uint16_t> to_port(std::string_view digits) noexcept {
    std::uint16_t port = 0;
    if (digits.empty() || (digits.size() > 1 && digits.front() == '0')) return std::nullopt;
    auto const* end = digits.data() + digits.size();
    auto const [at, error] = std::from_chars(digits.data(), end, port);
    if (error != std::errc{} || at != end) return std::nullopt;
    return port;
}

std::uint8_t byte_at(std::span<char const> held, std::size_t at) noexcept {
    return static_cast<std::uint8_t>(held[at]);
}

std::uint16_t big_endian(std::span<char const> held, std::size_t at) noexcept {
    return static_cast<std::uint16_t>((byte_at(held, at) << 8) | byte_at(held, at + 1));
}

// Of the addresses what is looked at; a Unix path is not.
std::size_t address_bytes(std::uint8_t family) noexcept {
    return family == tcp4 ? 12 : family == tcp6 ? 36 : 0;
}

}  // namespace

ProxyHeader::State ProxyHeader::fail(std::string_view reason) noexcept {
    reason_ = reason;
    return State::failed;
}

ProxyHeader::Fed ProxyHeader::feed(std::string_view bytes) noexcept {
    Fed fed;
    while (fed.state == State::more && fed.consumed < bytes.size()) {
        if (version_ == Version::two && wanted_ != 0 && have_ == wanted_) {
            auto const some = std::min(skip_, bytes.size() - fed.consumed);
            fed.consumed += some;
            skip_ -= some;
            if (skip_ == 0) fed.state = finish_binary();
        } else {
            fed.state = step(bytes[fed.consumed]);
            if (fed.state != State::failed) ++fed.consumed;
        }
    }
    return fed;
}

ProxyHeader::State ProxyHeader::step(char c) noexcept {
    if (version_ == Version::unknown) {
        if (c == text_start.front()) {
            version_ = Version::one;
        } else if (c == signature.front()) {
            version_ = Version::two;
        } else {
            return fail("the connection does not begin with a PROXY header");
        }
    }
    return version_ == Version::one ? step_text(c) : step_binary(c);
}

ProxyHeader::State ProxyHeader::step_text(char c) noexcept {
    if (have_ < text_start.size() && c != text_start[have_]) {
        return fail("the connection does not begin with a PROXY header");
    }
    if (have_ == held_.size()) return fail("the PROXY line is longer than 107 bytes");
    held_[have_++] = c;
    if (c != '\n') return State::more;
    if (held_[have_ - 2] != '\r') return fail("the PROXY line does not end in CR LF");
    return finish_text();
}

ProxyHeader::State ProxyHeader::finish_text() noexcept {
    std::string_view rest{held_.data(), have_ - 2};
    rest.remove_prefix(text_start.size());
    auto const family = next_word(rest);
    if (family == "UNKNOWN") return State::done;
    if (family != "TCP4" && family != "TCP6") return fail("the PROXY line names no known family");
    auto const from = next_word(rest);
    auto const to = next_word(rest);
    auto const from_port = to_port(next_word(rest));
    auto const at_port = to_port(rest);
    bool const is_v6 = family == "TCP6";
    auto const is_of_family = [is_v6](std::string_view text) {
        return (text.find(':') != std::string_view::npos) == is_v6;
    };
    auto const source = IpAddress::parse(from);
    if (!source || !IpAddress::parse(to) || !is_of_family(from) || !is_of_family(to)) {
        return fail("the PROXY line has a bad address");
    }
    if (!from_port || !at_port) return fail("the PROXY line has a bad port");
    source_ = *source;
    source_port_ = *from_port;
    return State::done;
}

ProxyHeader::State ProxyHeader::step_binary(char c) noexcept {
    if (have_ < signature.size() && c != signature[have_]) {
        return fail("the connection does not begin with a PROXY header");
    }
    held_[have_++] = c;
    if (have_ == fixed_bytes) return begin_binary();
    if (wanted_ != 0 && have_ == wanted_ && skip_ == 0) return finish_binary();
    return State::more;
}

// The fixed part is here: how much is looked at, and how much behind it is skipped.
ProxyHeader::State ProxyHeader::begin_binary() noexcept {
    auto const command = byte_at(held_, 12);
    auto const family = byte_at(held_, 13);
    std::size_t const length = big_endian(held_, 14);
    if (command != version_2_local && command != version_2_proxy) {
        return fail("the PROXY header has an unknown version or command");
    }
    std::size_t looked_at = 0;
    if (command == version_2_proxy) {
        bool const is_known =
            family == unspecified || family == tcp4 || family == tcp6 || family == unix_stream;
        if (!is_known) return fail("the PROXY header names an unknown family");
        looked_at = address_bytes(family);
        auto const least = family == unix_stream ? std::size_t{216} : looked_at;
        if (length < least) return fail("the PROXY header is shorter than its addresses");
    }
    wanted_ = fixed_bytes + looked_at;
    skip_ = length - looked_at;
    if (looked_at == 0 && skip_ == 0) return finish_binary();
    return State::more;
}

ProxyHeader::State ProxyHeader::finish_binary() noexcept {
    if (byte_at(held_, 12) == version_2_local) return State::done;
    auto const* addresses = reinterpret_cast<std::uint8_t const*>(held_.data()) + fixed_bytes;
    auto const family = byte_at(held_, 13);
    if (family == tcp4) {
        source_ = IpAddress::v4(addresses);
        source_port_ = big_endian(held_, fixed_bytes + 8);
    } else if (family == tcp6) {
        source_ = IpAddress::v6(addresses);
        source_port_ = big_endian(held_, fixed_bytes + 32);
    } else if (family == unix_stream) {
        source_ = IpAddress::local();
    }
    return State::done;
}

}  // namespace sluice::codec
