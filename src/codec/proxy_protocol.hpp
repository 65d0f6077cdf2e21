// The PROXY protocol header, versions 1 and 2: who is behind a balancer, said before the first byte
// of the connection proper.
//
// Called by: net (accept of a listener with proxy_protocol), the fuzz target. Pure. Strict: what is
// not exactly the header is refused, and not a byte behind it is consumed. TLVs are skipped by
// counting; nothing is held for them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sluice/ip.hpp"

namespace sluice::codec {

class ProxyHeader {
  public:
    enum class State : std::uint8_t { more, done, failed };
    struct Fed {
        State state = State::more;
        std::size_t consumed = 0;  // of the bytes given; those behind belong to the connection
    };

    // What was not consumed is given again with what comes after it. After done or failed: no more.
    Fed feed(std::string_view bytes) noexcept;

    // Once done. False: LOCAL (a balancer's own health check), UNKNOWN or unspecified: the
    // connection's own addresses hold.
    [[nodiscard]] bool has_source() const noexcept { return source_.is_known(); }
    [[nodiscard]] IpAddress const& source() const noexcept { return source_; }
    [[nodiscard]] std::uint16_t source_port() const noexcept { return source_port_; }
    // Once failed: what is wrong, for the log.
    [[nodiscard]] std::string_view reason() const noexcept { return reason_; }

  private:
    enum class Version : std::uint8_t { unknown, one, two };

    State fail(std::string_view reason) noexcept;
    State step(char c) noexcept;
    State step_text(char c) noexcept;
    State step_binary(char c) noexcept;
    State begin_binary() noexcept;
    State finish_binary() noexcept;
    State finish_text() noexcept;

    static constexpr std::size_t held_bytes = 107;  // the longest of version 1, its CRLF included

    std::array<char, held_bytes> held_{};
    std::size_t have_ = 0;
    std::size_t wanted_ = 0;  // version 2: fixed part and addresses
    std::size_t skip_ = 0;    // version 2: behind what is looked at
    Version version_ = Version::unknown;
    IpAddress source_;
    std::uint16_t source_port_ = 0;
    std::string_view reason_;
};

}  // namespace sluice::codec
