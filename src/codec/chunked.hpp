// Chunked transfer coding (RFC 9112 section 7.1): a strict incremental decoder and the bytes to
// write.
//
// Called by net's HTTP/1 server and client for bodies; calls nothing. Pure: no allocation, no
// clock. Anything two implementations could read differently is refused: a bare CR or LF, white
// space around the size, more than 16 digits, control bytes, folded or malformed trailer lines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::codec {

class ChunkedDecoder {
  public:
    static constexpr std::size_t size_digits_max = 16;
    static constexpr std::uint64_t chunk_bytes_max = std::uint64_t{1} << 62;
    static constexpr std::size_t extension_bytes_max = 256;         // of one chunk
    static constexpr std::size_t extensions_bytes_max = 16 * 1024;  // of one body
    static constexpr std::size_t trailer_bytes_max = 8 * 1024;      // all trailer lines together

    enum class State : std::uint8_t {
        more,    // all of the input was consumed; feed what comes next
        done,    // the body has ended; input from `consumed` on belongs to the next message
        failed,  // see reason(); for good
    };

    // One piece. `payload` points into the input.
    struct Step {
        State state = State::more;
        std::size_t consumed = 0;
        std::string_view payload;
    };

    // Returns at the next piece of payload, at the end of the input, of the body, or at an error.
    // With payload the state is `more` and input may be left: call again with the rest, until a
    // Step without payload comes (or until nothing of the input is left).
    Step step(std::string_view input) noexcept;

    struct Fed {
        State state = State::more;
        std::size_t consumed = 0;
    };

    // Steps through all of `input`; on_payload(std::string_view) gets each piece (into `input`).
    template <class OnPayload>
    Fed feed(std::string_view input, OnPayload&& on_payload) {
        Fed fed;
        while (fed.state == State::more && fed.consumed < input.size()) {
            auto const piece = step(input.substr(fed.consumed));
            fed.state = piece.state;
            fed.consumed += piece.consumed;
            if (!piece.payload.empty()) on_payload(piece.payload);
        }
        return fed;
    }

    [[nodiscard]] bool is_done() const noexcept { return where_ == Where::done; }
    [[nodiscard]] bool has_failed() const noexcept { return where_ == Where::failed; }
    // Static text, fit for a message: "chunk size has no digits". "" before a failure.
    [[nodiscard]] std::string_view reason() const noexcept { return reason_; }
    // Payload bytes the current chunk still lacks; a hint for how much to read.
    [[nodiscard]] std::uint64_t chunk_remaining() const noexcept { return remaining_; }

  private:
    enum class Where : std::uint8_t {
        size_first,
        size,
        extension,  // right after ';'
        extension_name,
        extension_value,  // right after '='
        extension_token,
        extension_quoted,
        extension_escape,
        extension_end,  // behind a closing quote
        size_lf,
        payload,
        payload_cr,
        payload_lf,
        trailer_first,
        trailer_name,
        trailer_value,
        trailer_lf,
        end_lf,
        done,
        failed,
    };

    void eat(unsigned char c) noexcept;
    void eat_size(unsigned char c) noexcept;
    void eat_extension(unsigned char c) noexcept;
    void eat_trailer(unsigned char c) noexcept;
    void fail(std::string_view reason) noexcept;

    std::uint64_t remaining_ = 0;
    std::string_view reason_;
    std::uint32_t extensions_bytes_ = 0;
    std::uint16_t extension_bytes_ = 0;
    std::uint16_t trailer_bytes_ = 0;
    std::uint8_t size_digits_ = 0;
    Where where_ = Where::size_first;
};

// "1a2b\r\n" in place. Precondition for a chunk to be valid: bytes > 0 (0 would end the body).
class ChunkHead {
  public:
    explicit ChunkHead(std::uint64_t bytes) noexcept;
    [[nodiscard]] std::string_view view() const noexcept {
        return {text_.data() + from_, text_.size() - from_};
    }

  private:
    std::array<char, 18> text_;  // 16 digits, CR, LF; filled from the end
    std::size_t from_;
};

inline constexpr std::string_view chunk_end = "\r\n";        // after each chunk's payload
inline constexpr std::string_view last_chunk = "0\r\n\r\n";  // no trailers

}  // namespace sluice::codec
