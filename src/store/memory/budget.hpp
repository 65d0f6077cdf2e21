// Budget: what is reserved and spent in a calendar period. Lock-free; any worker's thread. Its
// state is one BudgetSlot in a table that outlives the process (budget_table.hpp). Called by
// limit.cpp.
//
// A slot's two words hold a tag of their period beside the amount, so that a period's end needs no
// lock: who first comes in the new period sets the word to it, and what belongs to an old period
// finds its tag gone. Amounts are tokens, or nano-USD (rounded up).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "store/memory/budget_news.hpp"
#include "store/memory/calendar.hpp"

namespace sluice::store {

struct alignas(64) BudgetSlot {
    std::atomic<std::uint64_t> key{0};     // hash of the owner and the kind; 0: free
    std::atomic<std::uint64_t> held{0};    // reserved + spent
    std::atomic<std::uint64_t> spent{0};   // settled
    std::atomic<std::int64_t> ordinal{0};  // of the period
    std::atomic<std::int64_t> ends{0};     // of the period, Unix seconds; 0: not reckoned yet
    std::atomic<std::uint64_t> warned{0};  // the highest warning given in the period
};
static_assert(sizeof(BudgetSlot) == 64 && std::atomic<std::uint64_t>::is_always_lock_free);

class Budget {
  public:
    static constexpr std::int64_t amount_max = (std::int64_t{1} << 51) - 1;

    // `slot` outlives the budget, as do `news`, which are told of each change; null: nobody is.
    Budget(BudgetSlot& slot, Period period, std::shared_ptr<TimeZone const> zone,
           BudgetNews* news = nullptr) noexcept
        : slot_(slot), period_(period), zone_(std::move(zone)), news_(news) {}

    // Takes `amount` in the period of `unix_s` where it fits under `cap`; the mark is the period's.
    std::optional<std::int64_t> take(std::int64_t amount, std::int64_t cap,
                                     std::int64_t unix_s) noexcept;
    // Of `reserved`, taken with `mark`, `used` was spent. Each taking is settled once.
    void settle(std::int64_t mark, std::int64_t reserved, std::int64_t used) noexcept;

    struct State {
        std::int64_t held = 0;
        std::int64_t spent = 0;
        std::int64_t ends = PeriodSpan::never;  // Unix seconds
    };
    State state(std::int64_t unix_s) noexcept;
    // Raises the mark of warnings to `level` in the period; true: it was lower, so this call warns.
    bool raise_warning(int level, std::int64_t unix_s) noexcept;
    // A request could not have what it asked for.
    void note_refusal() noexcept {
        if (news_) news_->refused();
    }
    [[nodiscard]] Period period() const noexcept { return period_; }

  private:
    std::uint64_t roll(std::int64_t unix_s) noexcept;  // returns the tag of the current period
    void tell() noexcept {
        if (news_) news_->changed();
    }

    BudgetSlot& slot_;
    Period period_;
    std::shared_ptr<TimeZone const> zone_;
    BudgetNews* news_;
};

}  // namespace sluice::store
