// Server-sent events (WHATWG HTML, section 9.2): bytes to frames, in any split, none of them lost.
//
// Called by the dialects' answer readers and by tests; calls nothing. The frames' `raw` put after
// each other are the input, byte for byte, whatever the split: where a frame ends depends on the
// bytes alone. A frame that lies wholly inside the fed bytes is a view into them; only a frame cut
// by a read is copied, into a tail that is given back when it is empty (an idle stream holds none).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::codec {

struct SseFrame {
    std::string_view raw;    // with the blank line that ends it
    std::string_view event;  // "" when not given (means "message")
    std::string_view data;   // data lines joined by '\n'
    std::string_view id;
    bool has_data = false;  // false: comments, retry or nothing; clients ignore the frame
};

class SseFramer {
  public:
    explicit SseFramer(std::size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

    // Calls on_frame(SseFrame const&) for each frame that `input` completes and keeps the rest. The
    // frame's views live during that call only. False, now and for good: a frame passes
    // frame_bytes_max.
    template <class OnFrame>
    bool feed(std::string_view input, OnFrame&& on_frame) {
        Cursor cursor{input};
        SseFrame frame;
        while (next(cursor, frame)) on_frame(static_cast<SseFrame const&>(frame));
        return !failed_;
    }

    // The input has ended. True when bytes were left: `frame` is what they say. `ended` tells
    // whether its blank line was there (a last CR need not be followed by LF).
    bool finish(SseFrame& frame, bool& ended);

    [[nodiscard]] std::size_t tail_bytes() const noexcept { return tail_.size(); }

  private:
    static constexpr std::size_t none = static_cast<std::size_t>(-1);

    // A walk over one input. The next LF is remembered, so no byte is searched twice for it.
    struct Cursor {
        std::string_view input;
        std::size_t at = 0;
        std::size_t lf = none;
        bool lf_is_known = false;

        std::size_t line_end() noexcept;  // the first CR or LF from `at` on, or none
    };

    bool next(Cursor& cursor, SseFrame& frame);
    bool next_plain(Cursor& cursor, SseFrame& frame) noexcept;
    bool find_end(Cursor& cursor) noexcept;
    void skip_mark(Cursor& cursor) noexcept;
    void read(std::string_view raw, SseFrame& frame);
    void read_line(std::string_view line, SseFrame& frame);

    std::size_t frame_bytes_max_;
    std::string tail_;             // start of a frame whose end has not come
    std::string joined_;           // data of a frame with several data lines
    std::size_t line_bytes_ = 0;   // of the current line, before its end
    std::uint8_t mark_bytes_ = 0;  // of a byte order mark at the very start; past 3: settled
    bool first_frame_ = true;
    bool tail_is_spent_ = false;  // the last frame lived in tail_: clear it on the next call
    bool after_cr_ = false;       // an LF now belongs to the CR before it
    bool blank_pending_ = false;  // that CR ended a blank line; its LF still belongs to the frame
    bool lone_cr_ = false;        // the last line end seen was a CR without LF
    bool failed_ = false;
};

}  // namespace sluice::codec
