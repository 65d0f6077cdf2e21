// Arbitrary bytes as the begin of a connection that should carry a PROXY header: the split never
// matters, nothing is read or consumed behind what was given, and what follows the header is left.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "codec/proxy_protocol.hpp"

namespace {

using sluice::codec::ProxyHeader;

struct Outcome {
    ProxyHeader::State state = ProxyHeader::State::more;
    std::size_t consumed = 0;
    std::string source;
    std::uint16_t port = 0;
    bool operator==(Outcome const&) const = default;
};

Outcome feed(std::string_view text, std::size_t step) {
    ProxyHeader header;
    Outcome out;
    for (std::size_t at = 0; at < text.size() && out.state == ProxyHeader::State::more;
         at += step) {
        auto const piece = text.substr(at, step);
        // Exact size on the heap: ASan sees a read behind it.
        std::vector<char> const bytes(piece.begin(), piece.end());
        auto const fed = header.feed({bytes.data(), bytes.size()});
        if (fed.consumed > bytes.size()) std::abort();
        out.state = fed.state;
        out.consumed += fed.consumed;
        if (fed.state == ProxyHeader::State::more && fed.consumed != bytes.size()) std::abort();
    }
    if (out.state == ProxyHeader::State::done) {
        out.source = header.source().text();
        out.port = header.source_port();
    }
    if ((out.state == ProxyHeader::State::failed) == header.reason().empty()) std::abort();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text{reinterpret_cast<char const*>(data), size};
    auto const whole = feed(text, size + 1);
    for (std::size_t const step : {1, 3, 16}) {
        if (feed(text, step) != whole) std::abort();
    }
    // What was consumed is the header itself, whatever comes behind it.
    if (whole.state == ProxyHeader::State::done) {
        std::string longer{text.substr(0, whole.consumed)};
        longer += "GET / HTTP/1.1\r\n";
        if (feed(longer, longer.size()) != whole) std::abort();
    }
    return 0;
}
