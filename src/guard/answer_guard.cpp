#include "guard/answer_guard.hpp"

#include <algorithm>

#include "codec/json_walk.hpp"
#include "guard/request_texts.hpp"

namespace sluice::guard {
namespace {

constexpr std::size_t channels_max = 4096;
// An event's bytes around its text, when they are kept to know the next by.
constexpr std::size_t shape_bytes_max = 1024;
// Scratch of a stream keeps no more than this.
constexpr std::size_t scratch_bytes_max = 1024;
constexpr std::size_t places_at_first = 4;  // room, so that most answers ask for it once
// Memory for a whole answer is taken ahead up to this.
constexpr std::size_t expected_bytes_max = 1 << 20;

// As append_json_string, but bytes that are no UTF-8 stay: a character may be cut between two
// texts.
void append_quoted(std::string& out, std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    out += '"';
    for (char const c : text) {
        auto const byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (byte < 0x20) {
            out += "\\u00";
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            out += c;
        }
    }
    out += '"';
}

// `scratch`: where a text with escapes is decoded to.
std::string_view decoded(std::string_view quoted, std::string& scratch) {
    codec::JsonString const text{quoted, quoted.find('\\') != quoted.npos};
    if (!text.has_escapes) return text.inner();
    scratch.clear();
    text.decode_to(scratch);
    return scratch;
}

void drop_if_large(std::string& scratch) noexcept {
    if (scratch.capacity() > scratch_bytes_max) std::string{}.swap(scratch);
}

Error too_large() {
    return upstream_error(ErrorCode::response_too_large, Retry::next, 502,
                          "the provider's answer is too large to be guarded");
}

bool same_unit(TextUnit const& a, TextUnit const& b) noexcept {
    return a.choice == b.choice && a.part == b.part && a.whole_choice == b.whole_choice;
}

bool covers(TextUnit const& unit, TextPlace const& place) noexcept {
    return unit.choice == place.choice && (unit.whole_choice || unit.part == place.part);
}

}  // namespace

struct AnswerGuard::Channel {
    Channel(TextPlace const& first, GuardRun& run)
        : place(first),
          filter(run, Way::response,
                 first.kind == TextKind::arguments ? Syntax::json : Syntax::text) {
        place.json = {};
    }
    TextPlace place;
    Filter filter;
};

AnswerGuard::AnswerGuard(std::unique_ptr<AnswerReader> reader, AnswerTexts const& texts,
                         GuardRun& run, AnswerGuardOptions options)
    : reader_(std::move(reader)),
      texts_(texts),
      run_(run),
      rules_(run.set.response),
      options_(options),
      // Frames have been bounded already; those that sluice made are no longer than their parts.
      framer_(2 * options.frame_bytes_max + options.body_bytes_max) {}

AnswerGuard::~AnswerGuard() = default;

Result<void> AnswerGuard::feed(std::string_view bytes, FrameSink& sink) {
    sink_ = &sink;
    auto fed = reader_->feed(bytes, *this);
    if (fed && too_large_) return too_large();
    return fed;
}

Result<void> AnswerGuard::read_whole(std::string_view bytes, FrameSink& sink) {
    if (options_.streamed) return AnswerReader::read_whole(bytes, sink);
    sink_ = &sink;
    // What goes on is what the reader gives out: it may have translated.
    given_ = bytes;
    auto read = reader_->read_whole(bytes, *this);
    auto const body = given_body_.empty() ? std::string_view{body_} : given_body_;
    given_ = given_body_ = {};
    if (read && too_large_) return too_large();
    return read ? check_whole(body, sink) : std::move(read);
}

Result<void> AnswerGuard::finish(FrameSink& sink) {
    sink_ = &sink;
    if (blocked_) return {};
    auto finished = reader_->finish(*this);
    if (!finished || blocked_) return finished;
    if (!options_.streamed) return check_whole(body_, sink);
    out_.clear();
    changed_ = true;
    codec::SseFrame tail;
    bool ended = false;
    if (framer_.finish(tail, ended)) {
        on_event(tail);
        if (!ended) out_ += "\n\n";
    }
    if (!blocked_ && !flush(nullptr)) end_blocked({});
    if (!out_.empty()) sink_->on_frame({blocked_ ? FrameKind::done : FrameKind::content, out_});
    return {};
}

// A part of a whole answer. What stands in the bytes that were given is not copied.
void AnswerGuard::keep(std::string_view raw) {
    auto const before = body_.size() + given_body_.size();
    too_large_ = too_large_ || before + raw.size() > options_.body_bytes_max;
    if (too_large_) return;
    if (before == 0 && raw.data() >= given_.data() &&
        raw.data() + raw.size() <= given_.data() + given_.size()) {
        given_body_ = raw;
        return;
    }
    if (before == 0) body_.reserve(std::min(options_.body_bytes_expected, expected_bytes_max));
    body_.append(given_body_).append(raw);
    given_body_ = {};
}

Result<void> AnswerGuard::check_whole(std::string_view body, FrameSink& sink) {
    if (reader_->fault()) {
        sink.on_frame({FrameKind::fault, body});
        return {};
    }
    std::vector<TextPlace> places;
    places.reserve(places_at_first);
    if (!texts_.read_whole(body, places)) {
        return upstream_error(ErrorCode::upstream_bad_response, Retry::next, 502,
                              "The provider's answer could not be read.",
                              "no answer that a guardrail can read");
    }
    Patches patches;
    for (auto const& place : places) {
        if (on_place(place, body, patches)) continue;
        run_.blocked->place = place.name;
        blocked_ = true;
        return {};
    }
    std::sort(patches.begin(), patches.end(),
              [](Patch const& a, Patch const& b) { return a.offset < b.offset; });
    if (patches.empty()) {
        sink.on_frame({FrameKind::content, body});
        return {};
    }
    std::string out;
    for (auto const piece : gather(body, patches)) out += piece;
    sink.on_frame({FrameKind::content, out});
    return {};
}

void AnswerGuard::on_frame(Frame const& frame) {
    if (blocked_) return;
    if (!options_.streamed) return keep(frame.raw);
    if (frame.kind == FrameKind::usage) return sink_->on_frame(frame);  // it holds no text
    if (frame.kind == FrameKind::fault) return on_fault(frame);
    out_.clear();
    changed_ = false;
    std::size_t taken = 0;
    (void)framer_.feed(frame.raw, [&](codec::SseFrame const& event) {
        taken += event.raw.size();
        if (!blocked_) on_event(event);
    });
    if (blocked_) {
        sink_->on_frame({FrameKind::done, out_});
        return;
    }
    held_.now = 0;
    for (auto const& channel : channels_) held_.now += channel->filter.held_bytes();
    held_.bytes_max = std::max(held_.bytes_max, held_.now);
    held_.frames += held_.now > 0 ? 1 : 0;
    bool const is_as_it_came = !changed_ && taken == frame.raw.size();
    sink_->on_frame({frame.kind, is_as_it_came ? frame.raw : std::string_view{out_}});
}

// Nothing follows it: what was held goes before.
void AnswerGuard::on_fault(Frame const& frame) {
    out_.clear();
    if (!flush(nullptr)) end_blocked({});
    if (!out_.empty()) sink_->on_frame({blocked_ ? FrameKind::done : FrameKind::content, out_});
    if (!blocked_) sink_->on_frame(frame);
}

void AnswerGuard::on_event(codec::SseFrame const& event) {
    if (!event.has_data || event.data.empty()) {
        out_ += event.raw;
        return;
    }
    if (!on_texts(event)) end_blocked({});
}

// Is it the event before with another text? A string in the place of a string changes nothing of
// what stands around it, so event_ says of it, too, where its text is.
bool AnswerGuard::is_as_before(std::string_view data) {
    auto const around = before_text_.size() + behind_text_.size();
    bool const may_be = !before_text_.empty() && data.size() > around &&
                        data.starts_with(before_text_) && data.ends_with(behind_text_);
    if (!may_be) return false;
    auto const text = data.substr(before_text_.size(), data.size() - around);
    codec::JsonScanner scan(text);
    codec::JsonString quoted;
    if (scan.peek() != codec::JsonKind::string || !scan.read_string(quoted)) return false;
    if (scan.offset() != text.size()) return false;
    event_.places.front().json = text;
    return true;
}

// Keeps what stands around the text of an event that says one text, and nothing else that counts.
void AnswerGuard::note_shape(std::string_view data) {
    before_text_.clear();
    behind_text_.clear();
    if (event_.places.size() != 1 || !event_.closed.empty() || event_.ends_all) return;
    auto const& place = event_.places.front();
    bool const is_text = place.kind == TextKind::text || place.kind == TextKind::arguments;
    bool const is_string = !place.json.empty() && place.json.front() == '"';
    auto const around = data.size() - place.json.size();
    if (!is_text || !is_string || !place.goes_on || around > shape_bytes_max) return;
    auto const from = static_cast<std::size_t>(place.json.data() - data.data());
    before_text_ = data.substr(0, from);
    behind_text_ = data.substr(from + place.json.size());
}

// Where the event's texts stand, to event_. False: it cannot be read.
bool AnswerGuard::read_texts(std::string_view data) {
    if (is_as_before(data)) return true;
    event_.clear();
    if (!texts_.read_event(data, event_)) return false;
    if (!event_.lead.empty()) {
        lead_ = std::move(event_.lead);
        std::string{}.swap(event_.lead);
    }
    note_units();
    note_shape(data);
    return true;
}

// False: blocked.
bool AnswerGuard::on_texts(codec::SseFrame const& event) {
    if (!read_texts(event.data)) {
        run_.block(rules_.guards.front(), {}, false, true);
        return false;
    }
    Patches patches;
    for (auto const& place : event_.places) {
        if (on_place(place, event.data, patches)) continue;
        if (run_.blocked->place.empty()) run_.blocked->place = place.name;
        return false;
    }
    // What was held goes out in front of the frame that ends its channel.
    auto const before = out_.size();
    for (auto const& unit : event_.closed) {
        if (!flush(&unit)) return false;
    }
    if (event_.ends_all && !flush(nullptr)) return false;
    if (out_.size() != before) changed_ = true;
    write(event, patches);
    for (auto const& unit : event_.closed) {
        std::erase_if(open_, [&](TextUnit const& one) { return same_unit(one, unit); });
    }
    if (event_.ends_all) open_.clear();
    return true;
}

bool AnswerGuard::on_place(TextPlace const& place, std::string_view data, Patches& patches) {
    if (place.kind == TextKind::binary)
        return note_unscannable(run_, Way::response) == Outcome::pass;
    auto const offset = static_cast<std::uint32_t>(place.json.data() - data.data());
    if (place.kind == TextKind::echo) {
        if (rules_.holds()) {
            patches.push_back({offset, static_cast<std::uint32_t>(place.json.size()), "null"});
        }
        return true;
    }
    bool const is_channel = options_.streamed && place.goes_on;
    if (!is_channel) {
        return guard_value(run_, Way::response, place.json, place.kind, data.data(), patches) ==
               Outcome::pass;
    }
    auto* channel = find_channel(place);
    if (!channel) {
        run_.block(rules_.guards.front(), place.name, true);
        return false;
    }
    text_.clear();
    if (channel->filter.feed(decoded(place.json, decoded_), text_) == Outcome::blocked) {
        Patch last{offset, static_cast<std::uint32_t>(place.json.size()), {}};
        append_quoted(last.replacement, text_);
        if (!text_.empty()) {
            // What stood before the match has passed: it goes out in a frame of its own.
            texts_.append_delta(out_, lead_, place, last.replacement);
        }
        return false;
    }
    bool is_verbatim = channel->filter.was_verbatim();
    if (closes(place)) {
        auto const released = text_.size();
        if (channel->filter.close(text_) == Outcome::blocked) return false;
        is_verbatim = is_verbatim && text_.size() == released;
    }
    drop_if_large(decoded_);
    if (is_verbatim) return true;
    Patch patch{offset, static_cast<std::uint32_t>(place.json.size()), {}};
    append_quoted(patch.replacement, text_);
    drop_if_large(text_);
    patches.push_back(std::move(patch));
    return true;
}

// Does the frame at hand end the channel?
bool AnswerGuard::closes(TextPlace const& place) const noexcept {
    return event_.ends_all ||
           std::any_of(event_.closed.begin(), event_.closed.end(),
                       [&](TextUnit const& unit) { return covers(unit, place); });
}

AnswerGuard::Channel* AnswerGuard::find_channel(TextPlace const& place) {
    for (auto const& channel : channels_) {
        auto const& at = channel->place;
        if (at.choice == place.choice && at.part == place.part && at.member == place.member) {
            return channel.get();
        }
    }
    if (channels_.size() >= channels_max) return nullptr;
    return channels_.emplace_back(std::make_unique<Channel>(place, run_)).get();
}

// Null: every channel. False: blocked.
bool AnswerGuard::flush(TextUnit const* unit) {
    for (auto& channel : channels_) {
        if (unit && !covers(*unit, channel->place)) continue;
        if (!flush(*channel)) return false;
    }
    // A channel that has ended needs no memory; one that goes on all the same begins anew.
    std::erase_if(channels_,
                  [&](auto const& channel) { return !unit || covers(*unit, channel->place); });
    return true;
}

bool AnswerGuard::flush(Channel& channel) {
    std::string text;
    auto const outcome = channel.filter.close(text);
    if (!text.empty()) {
        std::string quoted;
        append_quoted(quoted, text);
        texts_.append_delta(out_, lead_, channel.place, quoted);
    }
    if (outcome == Outcome::pass) return true;
    if (run_.blocked->place.empty()) run_.blocked->place = channel.place.name;
    return false;
}

void AnswerGuard::note_units() {
    for (auto const& unit : event_.opened) {
        bool const is_known = std::any_of(
            open_.begin(), open_.end(), [&](TextUnit const& one) { return same_unit(one, unit); });
        if (!is_known && open_.size() < channels_max) open_.push_back(unit);
    }
}

// The event as it came, or with its texts changed.
void AnswerGuard::write(codec::SseFrame const& event, Patches& patches) {
    if (patches.empty()) {
        out_ += event.raw;
        return;
    }
    changed_ = true;
    std::sort(patches.begin(), patches.end(),
              [](Patch const& a, Patch const& b) { return a.offset < b.offset; });
    bool const is_inside =
        event.data.data() >= event.raw.data() &&
        event.data.data() + event.data.size() <= event.raw.data() + event.raw.size();
    if (is_inside) {
        auto const offset = static_cast<std::uint32_t>(event.data.data() - event.raw.data());
        for (auto& patch : patches) patch.offset += offset;
        for (auto const piece : gather(event.raw, patches)) out_ += piece;
        return;
    }
    // Its data stood on several lines: it goes on as one. Line feeds stand between values only.
    std::string data;
    for (auto const piece : gather(event.data, patches)) data += piece;
    std::replace(data.begin(), data.end(), '\n', ' ');
    if (!event.event.empty()) out_.append("event: ").append(event.event).append("\n");
    if (!event.id.empty()) out_.append("id: ").append(event.id).append("\n");
    out_.append("data: ").append(data).append("\n\n");
}

void AnswerGuard::end_blocked(std::string_view place) {
    blocked_ = true;
    if (run_.blocked && run_.blocked->place.empty()) run_.blocked->place = place;
    texts_.append_end(out_, lead_, open_);
    channels_.clear();
}

}  // namespace sluice::guard
