// The head of an HTTP/1 request: a strict scan of the raw bytes that also finds its end, then the
// fields (Beast's parser where the head is not plain), then the rules of RFC 9112 about what a
// server must refuse.
//
// Called by: http1_session, the fuzz target. Calls: http1_fields; Beast's basic_parser
// (http1_request.cpp only).
// Pure: no socket, no clock. Anything two implementations could read differently is refused: both
// Content-Length and Transfer-Encoding, a repeated or odd length, codings other than chunked,
// folded lines, bare CR or LF, control bytes, a second Host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sluice/http.hpp"
#include "sluice/result.hpp"

#include "net/http1_fields.hpp"

namespace sluice::net {

struct RequestBounds {
    std::size_t head_bytes_max = 32 * 1024;
    std::size_t header_count_max = 100;
    std::size_t target_bytes_max = 8 * 1024;
    bool require_host = true;  // of HTTP/1.1; RFC 9112 section 3.2
};

// Finds the end of a head in bytes that arrive piece by piece, refusing as early as possible. Looks
// at each byte once.
class RequestHeadScan {
  public:
    enum class State : std::uint8_t { more, complete, failed };

    explicit RequestHeadScan(RequestBounds const& bounds) noexcept : bounds_(bounds) {}

    // `received`: everything since the last head, so it only ever grows at its end (it may move).
    State scan(std::string_view received) noexcept;
    [[nodiscard]] State state() const noexcept { return state_; }
    // Has anything but leading empty lines been seen?
    [[nodiscard]] bool has_begun() const noexcept { return begun_; }
    // Once complete: where the head stands in `received`, final empty line included.
    [[nodiscard]] std::size_t head_begin() const noexcept { return begin_; }
    [[nodiscard]] std::size_t head_end() const noexcept { return at_; }
    // Once failed.
    [[nodiscard]] Error error() const;
    [[nodiscard]] bool is_tls_hello() const noexcept { return fault_ == Fault::tls; }
    // What could be read of the target in `received`; empty when not that far.
    [[nodiscard]] std::string_view target(std::string_view received) const noexcept;

  private:
    enum class Where : std::uint8_t {
        before,  // empty lines are skipped (RFC 9112 section 2.2)
        before_lf,
        method,
        target,
        version,
        version_lf,
        line,  // first byte of a field line, or of the final empty line
        name,
        value,
        value_lf,
        end_lf,
    };
    enum class Fault : std::uint8_t {
        none,
        tls,
        method,
        target,
        target_long,
        version,
        version_unsupported,
        line_end,
        folded,
        name,
        value,
        head_large,
        many_fields,
    };

    State fail(Fault fault) noexcept;
    // Each returns where it stopped; `end` is as far as it may look.
    std::size_t skip_run(char const* text, std::size_t end) noexcept;
    std::size_t skip_lines(char const* text, std::size_t end) noexcept;
    Fault step(unsigned char c) noexcept;
    Fault step_start_line(unsigned char c) noexcept;
    Fault step_field(unsigned char c) noexcept;

    RequestBounds bounds_;
    std::size_t at_ = 0;
    std::size_t begin_ = 0;
    std::size_t target_at_ = 0;
    std::size_t target_end_ = 0;
    std::size_t fields_ = 0;
    std::uint8_t version_at_ = 0;
    bool version_odd_ = false;
    bool begun_ = false;
    Where where_ = Where::before;
    State state_ = State::more;
    Fault fault_ = Fault::none;
};

// Parses a complete head that the scan let pass. Views of `head` and `fields` point into `text`;
// `fields` is cleared first and backs head.headers. base_path ("" or "/prefix") is taken off the
// path.
Result<void> parse_request_head(std::string_view text, RequestBounds const& bounds,
                                std::string_view base_path, std::vector<http::Field>& fields,
                                http::RequestHead& head,
                                HeadSplit split = HeadSplit::quick_where_plain);

}  // namespace sluice::net
