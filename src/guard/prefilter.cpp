#include "guard/prefilter.hpp"

#include <algorithm>
#include <hs/hs.h>
#include <limits>
#include <memory>
#include <vector>

#include "guard/pattern.hpp"

namespace sluice::guard {
namespace {

constexpr unsigned pattern_flags = HS_FLAG_PREFILTER | HS_FLAG_SINGLEMATCH | HS_FLAG_UTF8;

Error refused(hs_compile_error_t* error) {
    std::string why = error ? error->message : "unknown";
    hs_free_compile_error(error);
    return gateway_error(ErrorCode::invalid_request, 400, "cannot be scanned for: " + why);
}

std::string escaped(std::string_view literal) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (char const c : literal) {
        auto const byte = static_cast<unsigned char>(c);
        out += "\\x";
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

struct FreeScratch {
    void operator()(hs_scratch_t* scratch) const noexcept { hs_free_scratch(scratch); }
};

// Big enough for every database this thread has scanned with.
struct Scratch {
    struct Known {
        hs_database_t const* database;
        std::weak_ptr<void const> owner;  // expired: another database may stand there now
    };
    std::unique_ptr<hs_scratch_t, FreeScratch> memory;
    std::vector<Known> known;

    bool fits(hs_database_t const* database, std::shared_ptr<void const> const& owner) {
        for (auto const& one : known) {
            if (one.database == database && !one.owner.expired()) return true;
        }
        std::erase_if(known, [](Known const& one) { return one.owner.expired(); });
        auto* scratch = memory.release();
        bool const ok = hs_alloc_scratch(database, &scratch) == HS_SUCCESS;
        memory.reset(scratch);
        if (!ok) return false;
        known.push_back({database, owner});
        return true;
    }
};

}  // namespace

struct Prefilter::State {
    hs_database_t* database = nullptr;
    std::shared_ptr<void const> alive = std::make_shared<char>();
    std::vector<unsigned> matcher_of;  // by expression
    Matchers all;
    std::size_t literal_bytes_max = 0;
    ~State() { hs_free_database(database); }
};

Prefilter::~Prefilter() = default;

Result<PatternFacts> measure_pattern(std::string const& pattern) {
    hs_expr_info_t* info = nullptr;
    hs_compile_error_t* error = nullptr;
    if (hs_expression_info(pattern.c_str(), pattern_flags, &info, &error) != HS_SUCCESS) {
        return refused(error);
    }
    PatternFacts facts;
    facts.width_min = info->min_width;
    if (info->max_width != std::numeric_limits<unsigned>::max()) facts.width_max = info->max_width;
    std::free(info);
    return facts;
}

namespace {

// Vectorscan 5.4.9 misses texts by where they stand in memory when a database holds few of them:
// each is looked for at every distance from the start and to the ends of vectors. At load.
bool finds_all(Prefilter const& prefilter, std::span<Prefilter::Entry const> entries) {
    constexpr std::size_t room = 512;
    alignas(64) char memory[room];
    std::fill_n(memory, room, 'j');
    for (auto const& entry : entries) {
        for (std::size_t before = 0; before < 130; ++before) {
            for (std::size_t const shift : {0U, 1U, 15U, 31U, 32U, 47U, 63U}) {
                auto const size = before + entry.literal.size() + before % 67;
                if (shift + size > room) return false;
                auto* const at = memory + shift + before;
                std::copy(entry.literal.begin(), entry.literal.end(), at);
                Prefilter::Matchers seen;
                if (!prefilter.scan({memory + shift, size}, seen) || !seen[entry.matcher]) {
                    return false;
                }
                std::fill_n(at, entry.literal.size(), 'j');
            }
        }
    }
    return true;
}

}  // namespace

Result<std::unique_ptr<Prefilter const>> Prefilter::create(std::span<Entry const> entries) {
    std::vector<std::string> texts;
    std::vector<unsigned> flags, ids;
    std::unique_ptr<Prefilter> made{new Prefilter};
    made->state_ = std::make_unique<State>();
    auto& state = *made->state_;
    for (auto const& entry : entries) {
        texts.push_back(escaped(entry.literal));
        flags.push_back(HS_FLAG_SINGLEMATCH);
        ids.push_back(static_cast<unsigned>(ids.size()));
        state.matcher_of.push_back(entry.matcher);
        state.all.set(entry.matcher);
        state.literal_bytes_max = std::max(state.literal_bytes_max, entry.literal.size());
    }
    std::vector<char const*> expressions;
    for (auto const& text : texts) expressions.push_back(text.c_str());
    hs_compile_error_t* error = nullptr;
    auto const compiled = hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                                           static_cast<unsigned>(expressions.size()), HS_MODE_BLOCK,
                                           nullptr, &state.database, &error);
    if (compiled != HS_SUCCESS) return refused(error);
    if (!finds_all(*made, entries)) return std::unique_ptr<Prefilter const>{};
    return std::unique_ptr<Prefilter const>{std::move(made)};
}

std::size_t Prefilter::literal_bytes_max() const noexcept { return state_->literal_bytes_max; }

bool Prefilter::scan(std::string_view text, Matchers& out) const {
    thread_local Scratch scratch;
    auto const& state = *state_;
    if (text.size() > std::numeric_limits<unsigned>::max() ||
        !scratch.fits(state.database, state.alive)) {
        return false;
    }
    struct Context {
        State const& state;
        Matchers& out;
    } context{state, out};
    auto const on_match = [](unsigned id, unsigned long long, unsigned long long, unsigned,
                             void* given) {
        auto& seen = *static_cast<Context*>(given);
        seen.out.set(seen.state.matcher_of[id]);
        return seen.out == seen.state.all ? 1 : 0;
    };
    auto const scanned = hs_scan(state.database, text.data(), static_cast<unsigned>(text.size()), 0,
                                 scratch.memory.get(), on_match, &context);
    return scanned == HS_SUCCESS || scanned == HS_SCAN_TERMINATED;
}

}  // namespace sluice::guard
