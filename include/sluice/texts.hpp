// Where texts stand in an answer of a dialect: what the guards look at, and how what they hold or
// end is said. Pure functions of a dialect; the engine of the guards knows no dialect.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

enum class TextKind : std::uint8_t {
    text,
    arguments,  // a string that holds the text of a JSON document
    json,       // any value: each string and number in it is a text
    binary,     // base64: cannot be read
    echo,       // says the text again in a way that cannot be followed (log probabilities)
};

// A text, or a piece of one. What `choice`, `part` and `member` say together names a channel:
// pieces of one channel are one text.
struct TextPlace {
    std::string_view json;  // the value as it stands, with its quotes: a view into what was read
    TextKind kind = TextKind::text;
    std::uint32_t choice = 0;
    std::uint32_t part = 0;      // block or tool call
    std::uint8_t member = 0;     // the dialect's own
    bool goes_on = false;        // a later frame may add to it
    std::string_view name = {};  // "content", as errors tell it; static text
};

// What a frame opens or closes: one part of a choice, or all of the choice.
struct TextUnit {
    std::uint32_t choice = 0;
    std::uint32_t part = 0;
    bool whole_choice = false;
};

struct EventTexts {
    std::vector<TextPlace> places;
    std::vector<TextUnit> opened;
    std::vector<TextUnit> closed;  // before this frame's end is told
    bool ends_all = false;
    std::string lead;  // what made frames of this stream begin with; "" = not told by this one

    void clear() {
        places.clear();
        opened.clear();
        closed.clear();
        ends_all = false;
        lead.clear();
    }
};

struct AnswerTexts {
    // One event's data. False: it cannot be read.
    bool (*read_event)(std::string_view data, EventTexts& out);
    // A whole answer. False: it cannot be read.
    bool (*read_whole)(std::string_view body, std::vector<TextPlace>& out);
    // Frames: the text `quoted` (JSON string) in addition to its channel.
    void (*append_delta)(std::string& out, std::string_view lead, TextPlace const& channel,
                         std::string_view quoted);
    // Frames: the answer ends here because it may not go on. `open`: what has begun and not ended.
    void (*append_end)(std::string& out, std::string_view lead, std::span<TextUnit const> open);
};

}  // namespace sluice
