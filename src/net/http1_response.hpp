// The head of an HTTP/1 answer: own strict pass over the raw bytes first, then the fields (Beast's
// parser where the head is not plain).
//
// Called by upstream_client with whatever was received; calls http1_fields, and Beast's
// basic_parser (in the .cpp).
// Pure: no socket, no clock. Interim answers (1xx) are skipped here. Anything two implementations
// could read differently is refused: both Content-Length and Transfer-Encoding, a repeated or odd
// length, codings other than chunked, folded lines, bare CR or LF, control bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/http.hpp"
#include "sluice/result.hpp"

#include "net/http1_fields.hpp"

namespace sluice::net {

// How the end of the body is known.
enum class BodyFraming : std::uint8_t { none, length, chunked, until_close };

class ResponseHeadReader {
  public:
    static constexpr unsigned interim_max = 8;  // 1xx answers before the final one

    // `bytes_max` bounds each head, start line and final CRLF included.
    ResponseHeadReader(std::size_t bytes_max, std::size_t count_max, http::Method asked,
                       HeadSplit split = HeadSplit::quick_where_plain)
        : bytes_max_(bytes_max), count_max_(count_max), asked_(asked), split_(split) {}
    ResponseHeadReader(ResponseHeadReader const&) = delete;  // head() holds views into text_
    ResponseHeadReader& operator=(ResponseHeadReader const&) = delete;

    // Takes the next bytes; returns how many belong to heads: fewer than given only when the final
    // head is complete, then the rest is body. Error: upstream_protocol, with the reason in detail.
    Result<std::size_t> feed(std::string_view bytes);
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] bool has_begun() const noexcept { return begun_; }

    // Valid once complete, as long as this object lives.
    [[nodiscard]] http::ResponseHead const& head() const noexcept { return head_; }
    [[nodiscard]] BodyFraming framing() const noexcept { return framing_; }

  private:
    Result<void> take_line(std::string_view line);  // with its line end
    Result<void> take_status_line(std::string_view line);
    Result<void> finish_head();
    Result<void> split_by_beast();
    Result<void> frame();

    std::size_t bytes_max_;
    std::size_t count_max_;
    http::Method asked_;
    HeadSplit split_;

    BlockText text_;              // the head so far; views of head() point into it
    std::size_t line_start_ = 0;  // of the line being received
    std::size_t start_line_ = 0;  // bytes of the start line as received
    std::size_t count_ = 0;
    unsigned interim_ = 0;
    std::uint16_t status_ = 0;
    bool version_1_1_ = false;
    bool begun_ = false;
    bool complete_ = false;

    std::vector<http::Field> fields_;
    http::ResponseHead head_;
    BodyFraming framing_ = BodyFraming::none;
};

}  // namespace sluice::net
