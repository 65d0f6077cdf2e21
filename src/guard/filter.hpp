// One channel of a stream as it passes the guards: text in pieces of any size in, what may go on
// out.
//
// Only the bytes that may still belong to a match are held back; how the text is cut changes
// nothing in what comes out. Made by the answer guard, one for each channel; calls the matchers.
// Text is decoded: bytes as the reader of the answer sees them (in Syntax::json the text of a JSON
// document).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "guard/find.hpp"

namespace sluice::guard {

class Filter {
  public:
    // `run` outlives the filter. `way`: whose rules.
    Filter(GuardRun& run, Way way, Syntax syntax);

    // Appends what may go on to `out`. After blocked (the run says by whom, without a place)
    // nothing more may be fed: what was held is gone.
    Outcome feed(std::string_view text, std::string& out);
    // The channel has ended: what was held is decided. Then a new text may begin.
    Outcome close(std::string& out);

    [[nodiscard]] std::size_t held_bytes() const noexcept { return source_.size(); }
    // Did the last call give back exactly what it was fed?
    [[nodiscard]] bool was_verbatim() const noexcept { return verbatim_; }

  private:
    Outcome take(bool final, std::string& out);
    Outcome step(bool text_ends, bool bare, std::string& out);
    bool match(bool final);
    bool match_starts(bool final);
    bool try_at(std::size_t place, unsigned rule, bool final);
    bool give_up(unsigned index);
    void note(std::size_t from, std::size_t to, unsigned index);
    bool bound(bool bare_open);
    [[nodiscard]] std::size_t horizon(bool bare_open) const noexcept;
    bool release(std::size_t horizon, bool bare, std::string& out);
    void forget(std::size_t horizon, std::size_t source_bytes, bool text_ends);
    [[nodiscard]] std::size_t source_at(std::size_t at) const noexcept;

    GuardRun& run_;
    Rules const& rules_;
    Way way_;
    Syntax syntax_;
    JsonState json_;
    std::string source_;         // what has not gone on
    std::size_t read_ = 0;       // of it, normalised
    Normalised normal_;          // some context, and what is held
    std::size_t held_from_ = 0;  // in normal_.text: what lies before has gone on
    // Places of text are counted from where the channel began: normal_.text begins at base_.
    std::size_t base_ = 0;
    std::size_t looked_ = 0;          // everything before it is decided, but for open rules
    std::vector<unsigned> open_;      // rules with a match that may have begun, at at_
    std::vector<unsigned> was_open_;  // the same before the look at hand
    std::vector<std::size_t> at_;     // by rule: no match begins before it
    std::vector<Hit> hits_;           // found, not gone on yet
    bool gives_up_on_bare_ = false;   // too long to hold, and that is to pass
    bool verbatim_ = true;
};

}  // namespace sluice::guard
