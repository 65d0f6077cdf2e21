// Undoes what hides text from a reader of bytes but not from a reader of words: zero-width and
// bidirectional marks, Unicode tags, full-width forms, odd spaces and dashes, %41, &#65;, \u0041.
// What comes out is what matchers see; the map tells where it stood.
//
// Called by find and filter. A machine over a growing source: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sluice/blocks.hpp"

namespace sluice::guard {

// Whether the source is plain text, or JSON whose strings and numbers are texts of their own, or
// a text as it stands inside a JSON string.
enum class Syntax : std::uint8_t { text, json, quoted };

// The longest escape that is undone: what may have to wait for its rest.
inline constexpr std::size_t escape_bytes_max = 12;

// Text and where each byte of it stood. Offsets are into the source as the owner counts it, of
// less than 4 GiB.
class Normalised {
  public:
    BlockText text;

    // The source that text[at] came from: its first byte, and the byte behind its last.
    [[nodiscard]] std::size_t source_begin(std::size_t at) const noexcept;
    [[nodiscard]] std::size_t source_end(std::size_t at) const noexcept;

    void append_as_is(std::string_view bytes, std::size_t source);
    void append_unit(std::string_view bytes, std::size_t source, std::size_t source_bytes);
    void append_character(char c, std::size_t source, std::size_t source_bytes);
    // Forgets text before `at`, and moves the source's origin forward by `source_bytes`. What stays
    // in front of `mapped` has no map any more.
    void drop_front(std::size_t at, std::size_t mapped, std::size_t source_bytes);
    void clear() noexcept {
        text.clear();
        runs_.clear();
    }

  private:
    // `bytes` at `at` came from `source_bytes` at `source`, all from all; what follows stands as it
    // does in the source behind that.
    struct Run {
        std::uint32_t at = 0;
        std::uint32_t source = 0;
        std::uint32_t bytes = 0;
        std::uint32_t source_bytes = 0;

        [[nodiscard]] bool has(std::size_t place) const noexcept { return place < at + bytes; }
        // Precondition: it has not.
        [[nodiscard]] std::size_t source_of(std::size_t place) const noexcept {
            return std::size_t{source} + source_bytes + (place - at - bytes);
        }
    };
    void add_run(std::size_t source, std::size_t bytes, std::size_t source_bytes);
    [[nodiscard]] Run const& run_of(std::size_t at) const noexcept;
    BlockVector<Run> runs_;  // by `at`
};

// The inside of a JSON string, decoded, with its map; from `at` to about `until`. Moves `at`.
void decode_json(std::string_view inner, std::size_t& at, std::size_t until, Normalised& out);

// Is there nothing to undo in a text (not Syntax::json), from `at` to about `until`? Moves `at`
// there, or to the first that is. Where all of it is so, it is its own normal form.
bool is_normal(std::string_view source, std::size_t& at, std::size_t until, Syntax syntax) noexcept;

// Where in a JSON text the source is. A text ends where a string or a bare run ends.
struct JsonState {
    enum class In : std::uint8_t { between, string, bare };
    In in = In::between;
    In ended = In::between;  // what the last call found the end of
};

// The same as decode_json and what undoes the text that comes out, at once: from `at` to about
// `until`. Moves `at`. `inner` is the whole inside of a JSON string.
void normalise_quoted(std::string_view inner, std::size_t& at, std::size_t until, Normalised& out);

// Takes the source from `at` on as far as it can be read, and moves `at`. False: a JSON text (a
// string, a bare run) has ended at `at`, and more may follow. `final`: nothing follows the source;
// else an escape or character that is cut stays for the next call. Not for Syntax::quoted.
bool normalise(std::string_view source, std::size_t& at, bool final, Syntax syntax,
               JsonState& state, Normalised& out);

}  // namespace sluice::guard
