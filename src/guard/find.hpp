// All that a guard set finds in one whole text, as spans of the text as it stands. Called by the
// request walk and the answer guard for what is there at once; the filter does the same for
// streams.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "guard/guard_run.hpp"
#include "guard/normalise.hpp"

namespace sluice::guard {

// Before merging, offsets are of the normalised text; afterwards none overlap.
struct Hit {
    std::size_t from = 0;
    std::size_t to = 0;
    unsigned rule = 0;
};

// Sorts; overlapping hits become one of the strictest rule among them.
void merge(Rules const& rules, std::vector<Hit>& hits);

// What stands in the place of a span of the source.
struct Replacement {
    std::size_t from = 0;
    std::size_t to = 0;
    std::string text;
};

enum class Outcome : std::uint8_t { pass, blocked };
enum class Progress : std::uint8_t { more, done, blocked };

// How much may be looked at before somebody else has a turn, in bytes that one matcher looks at.
class Budget {
  public:
    explicit Budget(std::size_t bytes) noexcept : left_(bytes) {}
    static Budget unlimited() noexcept { return Budget(unlimited_bytes); }

    void take(std::size_t bytes) noexcept {
        if (left_ != unlimited_bytes) left_ -= bytes < left_ ? bytes : left_;
    }
    [[nodiscard]] bool is_spent() const noexcept { return left_ == 0; }

  private:
    static constexpr auto unlimited_bytes = static_cast<std::size_t>(-1);
    std::size_t left_;
};

// Looks at one text, a part at a time. Counts what is found; where matching gives up,
// on_unscannable decides. Blocked: the run says by whom, without a place.
class Search {
  public:
    // `run` outlives it.
    Search(GuardRun& run, Way way) : run_(run), way_(way), rules_(run.set.of(way)) {}

    // `source` outlives the search of it.
    void begin(std::string_view source, Syntax syntax);
    // `out`: what is redacted, in order, in offsets of the source.
    Progress step(Budget& budget, std::vector<Replacement>& out);

  private:
    // What comes next.
    enum class At : std::uint8_t { source, starts, rules };

    void prepare(Budget& budget);
    void begin_text(std::string_view text, bool is_source, bool bare);
    bool try_starts(Budget& budget);
    bool try_at(std::size_t at, unsigned rule);
    bool match(Budget& budget);
    bool take(Found const& found, unsigned index);
    void note(std::size_t from, std::size_t to, unsigned index);
    bool give_up(unsigned index);
    bool conclude(std::vector<Replacement>& out);

    GuardRun& run_;
    Way way_;
    Rules const& rules_;

    std::string_view source_;
    Syntax syntax_ = Syntax::text;
    At at_ = At::source;
    std::size_t read_ = 0;  // of the source, normalised
    bool is_odd_ = false;   // a plain text with something to undo
    JsonState json_;
    Normalised normal_;
    bool is_last_ = false;  // no text of the source follows the one at hand

    std::string_view text_;   // the one at hand
    bool is_source_ = false;  // it is the source, as it stands
    bool bare_ = false;
    Starts::Places places_;  // of text_, where something may begin
    std::size_t tried_ = 0;  // of places_
    // By rule, when one has matched or given up: before it no match may begin.
    std::vector<std::size_t> not_before_;
    std::size_t rule_ = 0;   // of those without leads: the one that looks
    std::size_t from_ = 0;   // where it goes on; of the starts as well
    std::size_t until_ = 0;  // how far it sees
    std::vector<Hit> hits_;
};

// All of it at once.
Outcome find(GuardRun& run, Way way, std::string_view source, Syntax syntax,
             std::vector<Replacement>& out);

// A hit in a bare run of JSON takes the whole number, and what stands for it needs quotes.
void widen_to_token(std::string_view text, Hit& hit) noexcept;

}  // namespace sluice::guard
