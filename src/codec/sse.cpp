// SSE framing. Two steps: find_end() looks for blank lines only, read() splits a whole frame.
#include "codec/sse.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::codec {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::uint8_t mark_settled = 4;

std::size_t find(std::string_view text, char c, std::size_t from) noexcept {
    if (from >= text.size()) return std::string_view::npos;
    auto const* hit = std::memchr(text.data() + from, c, text.size() - from);
    return hit == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<char const*>(hit) - text.data());
}

}  // namespace

std::size_t SseFramer::Cursor::line_end() noexcept {
    if (!lf_is_known || lf < at) {
        lf = find(input, '\n', at);
        lf_is_known = true;
    }
    auto const cr = find(input.substr(0, lf), '\r', at);
    return std::min(cr, lf);
}

bool SseFramer::next(Cursor& cursor, SseFrame& frame) {
    if (tail_is_spent_) {
        tail_is_spent_ = false;
        tail_.clear();
    }
    if (failed_) return false;
    auto const from = cursor.at;
    if (next_plain(cursor, frame)) return true;
    bool const is_whole = find_end(cursor);
    auto const piece = cursor.input.substr(from, cursor.at - from);
    failed_ = tail_.size() + piece.size() > frame_bytes_max_;
    if (failed_) return false;
    if (is_whole && tail_.empty()) {
        read(piece, frame);
        return true;
    }
    tail_.append(piece);
    if (is_whole) {
        tail_is_spent_ = true;
        read(tail_, frame);
        return true;
    }
    if (tail_.empty()) std::string().swap(tail_);
    if (joined_.capacity() > 256) std::string().swap(joined_);
    return false;
}

// What nearly every frame of a model's stream is: one data line and an empty one, ended by LF, all
// of it there. Anything else is left as it stands.
bool SseFramer::next_plain(Cursor& cursor, SseFrame& frame) noexcept {
    constexpr std::string_view name = "data:";
    bool const is_at_start = tail_.empty() && line_bytes_ == 0 && mark_bytes_ > 3 && !after_cr_ &&
                             !blank_pending_ && !first_frame_;
    auto const text = cursor.input.substr(cursor.at);
    if (!is_at_start || !text.starts_with(name)) return false;
    auto const end = find(text, '\n', name.size());
    if (end == none || end + 1 == text.size() || text[end + 1] != '\n') return false;
    auto value = text.substr(name.size(), end - name.size());
    if (end + 2 > frame_bytes_max_ || find(value, '\r', 0) != none) return false;
    if (value.starts_with(' ')) value.remove_prefix(1);
    frame = {};
    frame.raw = text.substr(0, end + 2);
    frame.data = value;
    frame.has_data = true;
    lone_cr_ = false;
    cursor.at += end + 2;
    return true;
}

bool SseFramer::finish(SseFrame& frame, bool& ended) {
    if (tail_is_spent_) tail_.clear();
    tail_is_spent_ = true;
    ended = blank_pending_;
    if (failed_ || tail_.empty()) return false;
    read(tail_, frame);
    return true;
}

// Moves to the end of the current frame, or of the input (false). A CR that ends a blank line is
// ambiguous until the next byte is there. Where lines end in CR alone the frame ends with it at
// once (an LF after all leads the next frame); elsewhere the next byte is awaited. Both look at
// bytes only, never at how they were cut.
bool SseFramer::find_end(Cursor& cursor) noexcept {
    auto const input = cursor.input;
    auto& at = cursor.at;
    if (mark_bytes_ < 3) skip_mark(cursor);
    while (at < input.size()) {
        if (after_cr_) {
            after_cr_ = false;
            bool const is_lf = input[at] == '\n';
            lone_cr_ = !is_lf;
            if (is_lf) ++at;
            if (blank_pending_) {
                blank_pending_ = false;
                return true;
            }
            if (is_lf) continue;
        }
        auto const end = cursor.line_end();
        if (end == none) {
            line_bytes_ += input.size() - at;
            at = input.size();
            return false;
        }
        bool const is_blank = line_bytes_ == 0 && end == at;
        line_bytes_ = 0;
        at = end + 1;
        if (input[end] == '\n') {
            lone_cr_ = false;
            if (is_blank) return true;
        } else {
            after_cr_ = true;
            if (is_blank && lone_cr_) return true;
            blank_pending_ = is_blank;
        }
    }
    return false;
}

// A byte order mark at the start of the stream counts for nothing.
void SseFramer::skip_mark(Cursor& cursor) noexcept {
    while (mark_bytes_ < 3 && cursor.at < cursor.input.size()) {
        if (cursor.input[cursor.at] != byte_order_mark[mark_bytes_]) {
            mark_bytes_ = mark_settled;
            return;
        }
        ++cursor.at;
        ++mark_bytes_;
        line_bytes_ = mark_bytes_ == 3 ? 0 : mark_bytes_;
    }
}

void SseFramer::read(std::string_view raw, SseFrame& frame) {
    frame = {};
    frame.raw = raw;
    auto text = raw;
    if (first_frame_ && text.starts_with(byte_order_mark)) text.remove_prefix(3);
    first_frame_ = false;
    Cursor lines{text};
    while (lines.at < text.size()) {
        auto const end = std::min(lines.line_end(), text.size());
        if (end > lines.at) read_line(text.substr(lines.at, end - lines.at), frame);
        lines.at = end + 1;  // the LF of a CR LF reads as a blank line, which says nothing
    }
}

void SseFramer::read_line(std::string_view line, SseFrame& frame) {
    auto const colon = find(line, ':', 0);
    if (colon == 0) return;  // a comment
    auto const name = line.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (name == "data") {
        if (!frame.has_data) {
            frame.data = value;
            frame.has_data = true;
        } else {
            if (frame.data.data() != joined_.data()) joined_.assign(frame.data);
            joined_ += '\n';
            joined_ += value;
            frame.data = joined_;
        }
    } else if (name == "event") {
        frame.event = value;
    } else if (name == "id") {
        if (value.find('\0') == std::string_view::npos) frame.id = value;
    }  // retry and unknown fields travel in raw
}

}  // namespace sluice::codec
