#include "guard/filter.hpp"

#include <algorithm>

namespace sluice::guard {
namespace {

constexpr std::size_t kept_bytes_max = 64 << 10;  // of memory, by a channel that holds little

constexpr bool is_continuation(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
}

bool contains(std::vector<unsigned> const& rules, unsigned rule) noexcept {
    return std::find(rules.begin(), rules.end(), rule) != rules.end();
}

}  // namespace

Filter::Filter(GuardRun& run, Way way, Syntax syntax)
    : run_(run), rules_(run.set.of(way)), way_(way), syntax_(syntax), at_(rules_.rules.size(), 0) {}

Outcome Filter::feed(std::string_view text, std::string& out) {
    verbatim_ = source_.empty();
    source_ += text;
    auto const outcome = take(false, out);
    if (!source_.empty()) verbatim_ = false;
    return outcome;
}

Outcome Filter::close(std::string& out) {
    verbatim_ = source_.empty();
    auto const outcome = take(true, out);
    json_ = {};
    return outcome;
}

Outcome Filter::take(bool final, std::string& out) {
    for (;;) {
        bool const all = normalise(source_, read_, final, syntax_, json_, normal_);
        bool const bare = json_.ended == JsonState::In::bare || json_.in == JsonState::In::bare;
        if (step(final || !all, bare, out) == Outcome::blocked) {
            source_.clear();
            normal_.clear();
            hits_.clear();
            return Outcome::blocked;
        }
        if (all) break;
    }
    if (source_.capacity() > kept_bytes_max && source_.size() < kept_bytes_max / 2) {
        source_.shrink_to_fit();
        normal_.text.shrink_to_fit();
    }
    return Outcome::pass;
}

// One look at what is there. `text_ends`: nothing follows in this text.
Outcome Filter::step(bool text_ends, bool bare, std::string& out) {
    bool const bare_open = bare && !text_ends;
    if (!match(text_ends) || !bound(bare_open)) return Outcome::blocked;
    auto const until = horizon(bare_open);
    auto const source_until = source_at(until);
    if (!release(until, bare, out)) return Outcome::blocked;
    forget(until, source_until, text_ends);
    return Outcome::pass;
}

// False: blocked.
bool Filter::match(bool final) {
    was_open_.swap(open_);
    open_.clear();
    if (rules_.starts && !match_starts(final)) return false;
    std::string_view const text = normal_.text;
    for (auto const i : rules_.without_leads) {
        auto& rule = rules_.rules[i];
        auto from = (contains(was_open_, i) ? at_[i] : looked_) - base_;
        while (from < text.size()) {
            auto const found = rule.matcher->find(text, from, final);
            if (found.kind == Found::Kind::match) {
                from = found.to;
                note(found.from, found.to, i);
                continue;
            }
            if (found.kind == Found::Kind::failed && !give_up(i)) return false;
            if (found.kind == Found::Kind::partial) {
                at_[i] = base_ + found.from;
                open_.push_back(i);
            }
            break;
        }
    }
    looked_ = base_ + text.size();
    return true;
}

// Rules that say what their matches begin with are tried where that stands. False: blocked.
bool Filter::match_starts(bool final) {
    std::string_view const text = normal_.text;
    auto from = looked_;
    for (auto const i : was_open_) {
        if (rules_.rules[i].has_leads) from = std::min(from, at_[i]);
    }
    from -= base_;
    Starts::Places places;
    while (from < text.size()) {
        rules_.starts->look(text, from, text.size(), places);
        for (std::size_t i = 0; i < places.count; ++i) {
            bool is_blocked = false;
            rules_.starts->rules_at(text, places, i, [&](unsigned rule) {
                is_blocked = is_blocked || !try_at(places.at[i], rule, final);
            });
            if (is_blocked) return false;
        }
        from = places.next;
    }
    return true;
}

// False: blocked.
bool Filter::try_at(std::size_t place, unsigned rule, bool final) {
    auto const at = base_ + place;
    bool const was_tried = at < at_[rule] || (at < looked_ && !contains(was_open_, rule));
    if (was_tried || contains(open_, rule)) return true;
    auto const tried = rules_.rules[rule].matcher->attempt(normal_.text, place, final);
    switch (tried.kind) {
        case Tried::Kind::no:
            break;
        case Tried::Kind::more:
            at_[rule] = at;
            open_.push_back(rule);
            break;
        case Tried::Kind::yes:
            at_[rule] = base_ + tried.to;
            note(place, tried.to, rule);
            break;
        case Tried::Kind::failed:
            at_[rule] = base_ + normal_.text.size();
            return give_up(rule);
    }
    return true;
}

void Filter::note(std::size_t from, std::size_t to, unsigned index) {
    auto const& rule = rules_.rules[index];
    if (rule.action == Action::flag) {
        run_.count(way_, rule);
    } else {
        hits_.push_back({from, to, index});
    }
}

// A rule could not be looked for. False: that blocks.
bool Filter::give_up(unsigned index) {
    auto const& rule = rules_.rules[index];
    ++run_.unscannable;
    if (!rule.holds() || rule.on_overflow != OnOverflow::block) return true;
    run_.block(rules_.guards[rule.guard], {}, true);
    return false;
}

// What is held too long is given up, by the rule's own policy. False: blocked.
bool Filter::bound(bool bare_open) {
    for (std::size_t i = 0; i < open_.size();) {
        auto const& rule = rules_.rules[open_[i]];
        auto const at = at_[open_[i]] - base_;
        bool const is_mapped = at >= held_from_;
        auto const bytes = is_mapped ? source_.size() - source_at(at) : normal_.text.size() - at;
        if (bytes <= rule.hold_bytes_max) {
            ++i;
            continue;
        }
        ++run_.overflows;
        if (rule.holds() && rule.on_overflow == OnOverflow::block) {
            run_.block(rules_.guards[rule.guard], {}, true);
            return false;
        }
        open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (!bare_open) {
        gives_up_on_bare_ = false;
    } else if (rules_.holds() && source_.size() > rules_.hold_bytes_max && !gives_up_on_bare_) {
        ++run_.overflows;
        if (rules_.on_overflow == OnOverflow::block) {
            run_.block(rules_.guards.front(), {}, true);
            return false;
        }
        gives_up_on_bare_ = true;
    }
    return true;
}

// What lies before it may go on.
std::size_t Filter::horizon(bool bare_open) const noexcept {
    // A number goes on whole: what stands in for it needs quotes on both sides.
    if (bare_open && rules_.holds() && !gives_up_on_bare_) return held_from_;
    auto until = normal_.text.size();
    for (auto const i : open_) {
        if (rules_.rules[i].holds()) until = std::min(until, at_[i] - base_);
    }
    until = std::max(until, held_from_);
    for (bool moved = true; moved;) {
        moved = false;
        for (auto const& hit : hits_) {
            if (hit.from >= until || hit.to <= until) continue;
            until = hit.from;
            moved = true;
        }
    }
    return until;
}

std::size_t Filter::source_at(std::size_t at) const noexcept {
    return at >= normal_.text.size() ? read_ : normal_.source_begin(at);
}

// Everything before `until` goes out, matches as what stands in for them. False: one blocks; then
// what lies before it has gone out.
bool Filter::release(std::size_t until, bool bare, std::string& out) {
    std::size_t gone = 0;
    if (!hits_.empty()) {
        if (bare) {
            for (auto& hit : hits_) {
                widen_to_token(normal_.text, hit);
                hit.from = std::max(hit.from, held_from_);
            }
        }
        merge(rules_, hits_);
        std::size_t done = 0;
        for (auto const& hit : hits_) {
            auto const& rule = rules_.rules[hit.rule];
            bool const blocks = rule.action == Action::block;
            if (!blocks && hit.from >= until) break;
            auto const from = normal_.source_begin(std::min(hit.from, until));
            out.append(source_, gone, from - gone);
            run_.count(way_, rule);
            if (blocks) {
                run_.block(rules_.guards[rule.guard], {});
                return false;
            }
            std::string_view const text = normal_.text;
            auto const put =
                run_.placeholders.of(rule.label, text.substr(hit.from, hit.to - hit.from));
            if (bare) {
                out.append("\"").append(put).append("\"");
            } else {
                out += put;
            }
            gone = normal_.source_end(hit.to - 1);
            verbatim_ = false;
            ++done;
        }
        hits_.erase(hits_.begin(), hits_.begin() + static_cast<std::ptrdiff_t>(done));
    }
    out.append(source_, gone, source_at(until) - gone);
    return true;
}

void Filter::forget(std::size_t until, std::size_t source_bytes, bool text_ends) {
    source_.erase(0, source_bytes);
    read_ -= source_bytes;
    if (text_ends) {
        base_ += normal_.text.size();
        looked_ = base_;
        open_.clear();
        normal_.clear();
        held_from_ = 0;
        return;
    }
    auto keep = until;
    for (auto const i : open_) keep = std::min(keep, at_[i] - base_);
    keep -= std::min(keep, look_behind_bytes);
    while (keep > 0 && is_continuation(normal_.text[keep])) --keep;
    normal_.drop_front(keep, until, source_bytes);
    held_from_ = until - keep;
    base_ += keep;
    for (auto& hit : hits_) {
        hit.from -= keep;
        hit.to -= keep;
    }
}

}  // namespace sluice::guard
