#include "guard/find.hpp"

#include <algorithm>

namespace sluice::guard {
namespace {

// Shorter texts are looked at directly.
constexpr std::size_t prefilter_bytes_min = 64;

constexpr bool is_space(char c) noexcept { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

class Search {
  public:
    Search(GuardRun& run, Way way, std::string_view place, std::vector<Replacement>& out)
        : run_(run), way_(way), rules_(run.set.of(way)), place_(place), out_(out) {}

    // `map`: null where the text is the source.
    Outcome text(std::string_view text, Normalised const* map, bool bare) {
        hits_.clear();
        if (!collect(text)) return Outcome::blocked;
        if (hits_.empty()) return Outcome::pass;
        if (bare) {
            for (auto& hit : hits_) widen_to_token(text, hit);
        }
        merge(rules_, hits_);
        for (auto const& hit : hits_) {
            auto const& rule = rules_.rules[hit.rule];
            run_.count(way_, rule);
            if (rule.action == Action::block) {
                run_.block(rules_.guards[rule.guard], place_);
                return Outcome::blocked;
            }
        }
        for (auto const& hit : hits_) {
            auto const& rule = rules_.rules[hit.rule];
            auto put = run_.placeholders.of(rule.label, text.substr(hit.from, hit.to - hit.from));
            if (bare) put = '"' + put + '"';
            auto const from = map ? map->source_begin(hit.from) : hit.from;
            auto const to = map ? map->source_end(hit.to - 1) : hit.to;
            out_.push_back({from, to, std::move(put)});
        }
        return Outcome::pass;
    }

  private:
    bool collect(std::string_view text) {
        Prefilter::Matchers likely;
        bool const is_known = rules_.prefilter && text.size() >= prefilter_bytes_min &&
                              rules_.prefilter->scan(text, likely);
        for (unsigned i = 0; i < rules_.rules.size(); ++i) {
            auto const& rule = rules_.rules[i];
            if (rule.is_prefiltered && is_known && !likely[i]) continue;
            for (std::size_t at = 0; at < text.size();) {
                auto const found = rule.matcher->find(text, at, true);
                if (found.kind == Found::Kind::none) break;
                if (found.kind == Found::Kind::match) {
                    at = found.to;
                    if (rule.action == Action::flag) {
                        run_.count(way_, rule);
                    } else {
                        hits_.push_back({found.from, found.to, i});
                    }
                    continue;
                }
                ++run_.unscannable;
                if (!rules_.rejects_unscannable) break;
                run_.block(rules_.guards[rule.guard], place_, false, true);
                return false;
            }
        }
        return true;
    }

    GuardRun& run_;
    Way way_;
    Rules const& rules_;
    std::string_view place_;
    std::vector<Replacement>& out_;
    std::vector<Hit> hits_;
};

}  // namespace

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

Outcome find(GuardRun& run, Way way, std::string_view place, std::string_view source, Syntax syntax,
             std::vector<Replacement>& out) {
    Search search(run, way, place, out);
    if (syntax == Syntax::text && is_normal(source)) return search.text(source, nullptr, false);
    Normalised normal;
    JsonState state;
    std::size_t at = 0;
    for (;;) {
        bool const whole = normalise(source, at, true, syntax, state, normal);
        bool const bare = state.ended == JsonState::In::bare || state.in == JsonState::In::bare;
        if (!normal.text.empty() && search.text(normal.text, &normal, bare) == Outcome::blocked) {
            return Outcome::blocked;
        }
        if (whole) return Outcome::pass;
        normal.clear();
    }
}

}  // namespace sluice::guard
