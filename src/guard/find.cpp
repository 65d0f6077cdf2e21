#include "guard/find.hpp"

#include <algorithm>

namespace sluice::guard {
namespace {

// What one matcher sees of a text at once, unless what has begun in it is longer.
constexpr std::size_t window_bytes = 64 << 10;
// What is read at once of a text in a JSON string: a byte of it may cost ten times another's.
constexpr std::size_t quoted_window_bytes = 16 << 10;
// What a byte costs to prepare or to skip, beside what it costs a matcher.
constexpr std::size_t cheapness = 4;
// What trying a place costs, as bytes that one matcher looks at.
constexpr std::size_t try_bytes = 32;

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
constexpr bool is_continuation(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
}

// Where a window ends that should end at `end`: no character is cut.
std::size_t window_end(std::string_view text, std::size_t end) noexcept {
    if (end >= text.size()) return text.size();
    for (int i = 0; i < 3 && is_continuation(text[end]); ++i) --end;
    return end;
}

}  // namespace

void Search::begin(std::string_view source, Syntax syntax) {
    source_ = source;
    syntax_ = syntax;
    at_ = At::source;
    read_ = 0;
    json_ = {};
    normal_.clear();
    is_odd_ = false;
    is_last_ = false;
}

Progress Search::step(Budget& budget, std::vector<Replacement>& out) {
    for (;;) {
        if (at_ == At::source) {
            if (is_last_) return Progress::done;
            prepare(budget);
        } else if (at_ == At::starts) {
            if (!try_starts(budget)) return Progress::blocked;
        } else {
            if (!match(budget)) return Progress::blocked;
            if (rule_ == rules_.without_leads.size() && !conclude(out)) return Progress::blocked;
        }
        bool const is_done = at_ == At::source && is_last_;
        if (budget.is_spent() && !is_done) return Progress::more;
    }
}

// Undoes what hides text, up to the end of a text or of a window.
void Search::prepare(Budget& budget) {
    if (syntax_ != Syntax::json && !is_odd_) {
        auto const begin = read_;
        is_odd_ = !is_normal(source_, read_, begin + window_bytes, syntax_);
        budget.take((read_ - begin) / cheapness + 1);
        if (is_odd_) {
            normal_.text.reserve(source_.size());
            if (read_ > 0) normal_.append_as_is(source_.substr(0, read_), 0);
        } else if (read_ >= source_.size()) {
            is_last_ = true;
            begin_text(source_, true, false);
        }
        return;
    }
    auto const from = read_;
    auto const window = syntax_ == Syntax::quoted ? quoted_window_bytes : window_bytes;
    auto const limit = std::min(source_.size(), from + window);
    bool const is_end = limit == source_.size();
    bool all = true;
    if (syntax_ == Syntax::quoted) {
        normalise_quoted(source_, read_, limit, normal_);
    } else {
        all = normalise(source_.substr(0, limit), read_, is_end, syntax_, json_, normal_);
    }
    budget.take(read_ - from);
    if (all && !is_end) return;  // the text goes on behind the window
    is_last_ = all;
    bool const bare = json_.ended == JsonState::In::bare || json_.in == JsonState::In::bare;
    if (!normal_.text.empty()) begin_text(normal_.text, false, bare);
}

void Search::begin_text(std::string_view text, bool is_source, bool bare) {
    text_ = text;
    is_source_ = is_source;
    bare_ = bare;
    at_ = rules_.starts ? At::starts : At::rules;
    places_.count = tried_ = 0;
    not_before_.clear();
    rule_ = 0;
    from_ = until_ = 0;
    hits_.clear();
}

// Rules that say what their matches begin with are tried where that stands. False: blocked.
bool Search::try_starts(Budget& budget) {
    while (!budget.is_spent()) {
        if (tried_ < places_.count) {
            auto const index = tried_++;
            bool is_blocked = false;
            rules_.starts->rules_at(text_, places_, index, [&](unsigned rule) {
                budget.take(try_bytes);
                is_blocked = is_blocked || !try_at(places_.at[index], rule);
            });
            if (is_blocked) return false;
            continue;
        }
        if (from_ == text_.size()) {
            from_ = 0;
            at_ = At::rules;
            return true;
        }
        auto const end = std::min(text_.size(), from_ + window_bytes);
        rules_.starts->look(text_, from_, end, places_);
        tried_ = 0;
        budget.take((places_.next - from_) / (4 * cheapness));
        from_ = places_.next;
    }
    return true;
}

// False: blocked.
bool Search::try_at(std::size_t at, unsigned rule) {
    if (!not_before_.empty() && at < not_before_[rule]) return true;
    auto const tried = rules_.rules[rule].matcher->attempt(text_, at, true);
    if (tried.kind == Tried::Kind::no || tried.kind == Tried::Kind::more) return true;
    not_before_.resize(rules_.rules.size(), 0);
    if (tried.kind == Tried::Kind::yes) {
        not_before_[rule] = tried.to;
        note(at, tried.to, rule);
        return true;
    }
    not_before_[rule] = text_.size();
    return give_up(rule);
}

// Goes on until all rules have looked or the budget is spent. False: blocked.
bool Search::match(Budget& budget) {
    for (; rule_ < rules_.without_leads.size(); ++rule_, from_ = until_ = 0) {
        auto const index = rules_.without_leads[rule_];
        auto const& rule = rules_.rules[index];
        while (from_ < text_.size()) {
            if (budget.is_spent()) return true;
            until_ = window_end(text_, std::max(until_, from_ + window_bytes));
            auto const found =
                rule.matcher->find(text_.substr(0, until_), from_, until_ == text_.size());
            auto const from = from_;
            if (!take(found, index)) return false;
            budget.take(std::max(from_, until_) - from);
        }
    }
    return true;
}

// Notes what a rule's matcher says and where it goes on. False: blocked.
bool Search::take(Found const& found, unsigned index) {
    bool const is_whole = until_ == text_.size();
    if (found.kind == Found::Kind::match) {
        from_ = found.to;
        note(found.from, found.to, index);
        return true;
    }
    if (found.kind == Found::Kind::none) {
        from_ = until_;
        return true;
    }
    if (found.kind == Found::Kind::partial && !is_whole) {
        // Twice as far, so that what is long is not looked at again and again.
        from_ = found.from;
        until_ += std::max(window_bytes, until_ - from_);
        return true;
    }
    from_ = text_.size();
    return give_up(index);
}

void Search::note(std::size_t from, std::size_t to, unsigned index) {
    auto const& rule = rules_.rules[index];
    if (rule.action == Action::flag) {
        run_.count(way_, rule);
    } else {
        hits_.push_back({from, to, index});
    }
}

// A rule could not be looked for in the rest of the text. False: that blocks.
bool Search::give_up(unsigned index) {
    ++run_.unscannable;
    if (!rules_.rejects_unscannable) return true;
    run_.block(rules_.guards[rules_.rules[index].guard], {}, false, true);
    return false;
}

// What was found in the text at hand becomes what stands in its place. False: it blocks.
bool Search::conclude(std::vector<Replacement>& out) {
    at_ = At::source;
    if (!hits_.empty()) {
        if (bare_) {
            for (auto& hit : hits_) widen_to_token(text_, hit);
        }
        merge(rules_, hits_);
        for (auto const& hit : hits_) {
            auto const& rule = rules_.rules[hit.rule];
            run_.count(way_, rule);
            if (rule.action != Action::block) continue;
            run_.block(rules_.guards[rule.guard], {});
            return false;
        }
        for (auto const& hit : hits_) {
            auto const& rule = rules_.rules[hit.rule];
            auto put = run_.placeholders.of(rule.label, text_.substr(hit.from, hit.to - hit.from));
            if (bare_) put = '"' + put + '"';
            auto const from = is_source_ ? hit.from : normal_.source_begin(hit.from);
            auto const to = is_source_ ? hit.to : normal_.source_end(hit.to - 1);
            out.push_back({from, to, std::move(put)});
        }
    }
    normal_.clear();
    return true;
}

void merge(Rules const& rules, std::vector<Hit>& hits) {
    if (hits.size() < 2) return;
    std::sort(hits.begin(), hits.end(), [](Hit const& a, Hit const& b) {
        if (a.from != b.from) return a.from < b.from;
        return a.to != b.to ? a.to > b.to : a.rule < b.rule;
    });
    std::size_t last = 0;
    for (std::size_t i = 1; i < hits.size(); ++i) {
        if (hits[i].from >= hits[last].to) {
            hits[++last] = hits[i];
            continue;
        }
        hits[last].to = std::max(hits[last].to, hits[i].to);
        if (rules.rules[hits[i].rule].action > rules.rules[hits[last].rule].action) {
            hits[last].rule = hits[i].rule;
        }
    }
    hits.resize(last + 1);
}

void widen_to_token(std::string_view text, Hit& hit) noexcept {
    while (hit.from > 0 && !is_space(text[hit.from - 1])) --hit.from;
    while (hit.to < text.size() && !is_space(text[hit.to])) ++hit.to;
}

Outcome find(GuardRun& run, Way way, std::string_view source, Syntax syntax,
             std::vector<Replacement>& out) {
    Search search(run, way);
    search.begin(source, syntax);
    auto budget = Budget::unlimited();
    auto progress = Progress::more;
    while (progress == Progress::more) progress = search.step(budget, out);
    return progress == Progress::done ? Outcome::pass : Outcome::blocked;
}

}  // namespace sluice::guard
