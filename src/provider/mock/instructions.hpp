// What a caller of the mock asks for in the header `x-sluice-mock`, or an operator in config: pace,
// size and faults. "status=429; retry_after=2; fail_times=1". docs/guide/mock.md lists them all.
// Called by mock.cpp; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sluice/result.hpp"

namespace sluice::provider::mock {

struct Instructions {
    using Number = std::optional<std::int64_t>;

    // pace and size
    Number first_byte_ms;  // pause before the answer
    Number chunk_ms;       // pause between frames of a stream
    Number chunks;         // content frames of a stream
    Number chunk_bytes;    // text in each of them; default: one word
    Number text_bytes;     // text of the whole answer
    Number write_bytes;    // the body is handed to the socket in pieces of so many bytes
    // faults
    Number status;       // an error answer with this status
    Number retry_after;  // s
    Number retry_after_ms;
    Number cut_frames;       // the connection ends after so many frames
    Number cut_bytes;        // ... after so many bytes of the body
    Number silence_frames;   // nothing more after so many frames, connection open
    Number error_frames;     // an error frame after so many frames
    Number huge_frame;       // the first content frame holds so many bytes
    Number fail_times;       // so many requests fail, the next one does not, and so on
    bool silence = false;    // no answer at all
    bool reset = false;      // the connection ends without an answer
    bool garbage = false;    // what should be JSON is not
    bool error_200 = false;  // an error body with status 200
    bool no_usage = false;
    bool no_done = false;    // a stream ends without [DONE]
    std::string encoding;    // gzip, deflate, br, zstd
    std::string code;        // error.code of error answers
    std::string only_model;  // the instructions hold for requests for this model
    std::string id;          // tells counts of fail_times apart

    void clear_faults();  // pace and size stay
};

// Reads `text` over what `base` says. Error invalid_request: what is wrong and the nearest name.
Result<Instructions> read_instructions(std::string_view text, Instructions base = {});

}  // namespace sluice::provider::mock
