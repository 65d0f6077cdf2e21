// The mock's answers on the wire, in the OpenAI shapes: one JSON body, or the frames of a stream.
// Pure; called by mock.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "provider/mock/answer.hpp"

namespace sluice::provider::mock {

std::string write_body(Answer const& answer, bool with_usage);

// {"error":{"message":...,"type":...,"param":null,"code":...}}
std::string write_error(std::uint16_t status, std::string_view message, std::string_view code);

struct StreamOptions {
    bool with_usage = false;  // the caller asked for the usage frame
    bool with_done = true;
    std::size_t chunk_bytes = 0;  // text in a frame; 0: one word
    std::size_t huge_bytes = 0;   // text of the first content frame, of filler; 0: none
    bool garbage = false;         // the first content frame is cut JSON
};

// The frames of a streamed answer, one after the other, each with its blank line.
class Frames {
  public:
    // `answer` outlives the frames.
    Frames(Answer const& answer, StreamOptions const& options);
    // Replaces `frame` by the next one; false after the last.
    bool next(std::string& frame);

  private:
    enum class Phase { role, content, finish, usage, done, end };

    void append_head(std::string& frame, std::size_t choice) const;
    void append_tail(std::string& frame, std::string_view finish_reason) const;
    void write_role(std::string& frame) const;
    void write_finish(std::string& frame) const;
    void write_usage_frame(std::string& frame) const;
    bool write_content(std::string& frame);
    void write_text(std::string& frame, std::size_t choice, std::string_view piece) const;
    void write_call(std::string& frame, std::size_t choice, std::string_view piece,
                    bool first) const;
    std::string_view take_piece(std::size_t choice);
    bool next_choice(Phase after);

    Answer const& answer_;
    StreamOptions const options_;
    std::string head_;                  // up to "index":
    std::vector<std::size_t> offsets_;  // how much of each choice was sent
    std::vector<bool> begun_;           // the call's opening frame was sent
    Phase phase_ = Phase::role;
    std::size_t choice_ = 0;
    bool first_content_ = true;
};

}  // namespace sluice::provider::mock
