// Content encodings of HTTP (gzip, deflate, br, zstd), decoded as the bytes come.
//
// Called by engine for request bodies (whole) and answers (in pieces); calls zlib, brotli, zstd.
// Bomb-safe: what comes out is bounded in size and in proportion to what went in, before it is
// produced. A Decoder belongs to one body and one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sluice/result.hpp"

namespace sluice::codec {

// Whose bytes these are: decides which error a broken or too large body is.
//   answer:  upstream_bad_response, response_too_large
//   request: invalid_request (400), body_too_large (413)
enum class Encoded : std::uint8_t { answer, request };

class Decoder {
  public:
    // Up to `slack + ratio_max * bytes in` may come out.
    static constexpr std::uint64_t ratio_max = 200;
    static constexpr std::uint64_t ratio_slack = 1024 * 1024;

    virtual ~Decoder() = default;
    // Appends what `bytes` decode to. After an error, for good: nothing more comes out.
    Result<void> feed(std::string_view bytes, std::string& out);
    // The body has ended. Error when the encoded stream has not: the body was cut.
    Result<void> finish() const;

  protected:
    Decoder(std::uint64_t plain_bytes_max, Encoded whose)
        : plain_bytes_max_(plain_bytes_max), whose_(whose) {}

    enum class Turn : std::uint8_t { more_out, need_input, broken };
    // One turn of the library: takes from the front of `in`, writes to `out` and sets `written`.
    // more_out: the room was filled, call again. Never called once broken.
    virtual Turn turn(std::string_view& in, char* out, std::size_t room, std::size_t& written) = 0;
    // At the end of a member or frame, so that the body may end here.
    [[nodiscard]] virtual bool is_at_end() const = 0;

  private:
    [[nodiscard]] Error broken(char const* why) const;
    [[nodiscard]] Error too_large() const;

    std::uint64_t plain_bytes_max_;
    std::uint64_t bytes_in_ = 0;
    std::uint64_t bytes_out_ = 0;
    Encoded whose_;
    bool failed_ = false;
};

// `content_encoding` is the header's value. Null for none and identity. Error unsupported_encoding
// for what is not spoken, several codings on top of each other included.
Result<std::unique_ptr<Decoder>> open_decoder(std::string_view content_encoding,
                                              std::uint64_t plain_bytes_max,
                                              Encoded whose = Encoded::answer);

}  // namespace sluice::codec
