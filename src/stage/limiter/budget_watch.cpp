#include "stage/limiter/budget_watch.hpp"

#include <fmt/format.h>

#include "sluice/json.hpp"

#include "base/background.hpp"
#include "base/log.hpp"
#include "base/timestamp.hpp"

namespace sluice::stage {
namespace {

std::string amount_of(Rule const& rule, std::int64_t amount) {
    if (rule.kind != store::LimitKind::usd_budget) return fmt::format("{} tokens", amount);
    return fmt::format("{}.{:09} USD", amount / 1'000'000'000, amount % 1'000'000'000);
}

std::string message_of(TokenLimiter::Seen const& seen, int level, std::int64_t used,
                       store::Moment now, std::int64_t reset_s) {
    json::Writer out;
    std::string at, resets;
    append_timestamp(at, Wall::time_point{seconds{now.unix_s}});
    out.begin_object().member("type", "budget_warning").member("at", at);
    out.member("level_percent", static_cast<std::int64_t>(level));
    out.member("owner", to_string(seen.owner)).member("name", seen.name);
    out.member("limit", seen.rule->name).member("cap", amount_of(*seen.rule, seen.rule->cap));
    out.member("used", amount_of(*seen.rule, used));
    if (reset_s > 0) {
        append_timestamp(resets, Wall::time_point{seconds{now.unix_s + reset_s}});
        out.member("resets_at", resets);
    }
    out.end_object();
    return out.take();
}

}  // namespace

BudgetWatch::BudgetWatch(std::function<void(std::string)> tell) : tell_(std::move(tell)) {
    thread_ = std::thread([this] { run(); });
}

BudgetWatch::~BudgetWatch() { stop(); }

void BudgetWatch::watch(std::shared_ptr<TokenLimiter const> limiter) {
    auto* const budgets = limiter ? limiter->state().budgets() : nullptr;
    std::shared_ptr<TokenLimiter const> before;
    {
        std::lock_guard const lock(mutex_);
        before = std::exchange(limiter_, std::move(limiter));
    }
    auto* const heard = before ? before->state().budgets() : nullptr;
    if (heard && heard != budgets) heard->listen({});
    if (budgets) budgets->listen([this] { stir(); });
    stir();
}

void BudgetWatch::stir() {
    {
        std::lock_guard const lock(mutex_);
        is_stirred_ = true;
    }
    wake_.notify_all();
}

void BudgetWatch::stop() {
    {
        std::lock_guard const lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    if (!thread_.joinable()) return;
    thread_.join();
    watch(nullptr);  // nobody calls it from now on
}

std::array<std::uint64_t, 3> BudgetWatch::warnings() const noexcept {
    return {warnings_[0].load(), warnings_[1].load(), warnings_[2].load()};
}

void BudgetWatch::run() {
    run_in_background("budget-watch");
    std::unique_lock lock(mutex_);
    while (!stopping_) {
        wake_.wait(lock, [this] { return stopping_ || is_stirred_; });
        if (stopping_) return;
        is_stirred_ = false;
        lock.unlock();
        look();
        lock.lock();
        wake_.wait_for(lock, look_every, [this] { return stopping_; });
    }
}

// All is spent when something was refused, too: what is left may be too little for any request.
void BudgetWatch::look() {
    std::lock_guard const one_at_a_time(look_mutex_);
    std::shared_ptr<TokenLimiter const> limiter;
    {
        std::lock_guard const lock(mutex_);
        limiter = limiter_;
    }
    if (!limiter) return;
    auto const now = LimitState::now();
    for (auto const& seen : limiter->all()) {
        auto* const budget = seen.cell->budget();
        if (!budget) continue;
        auto const state = seen.cell->state(now);
        auto const used = state.held - state.reserved;
        auto const percent = static_cast<int>(std::min<PicoUsdSum>(
            PicoUsdSum{used} * 100 / std::max<std::int64_t>(seen.rule->cap, 1), 100));
        bool const is_out = seen.cell->take_refusal() && percent >= warning_levels[1];
        for (std::size_t i = 0; i < warning_levels.size(); ++i) {
            auto const level = warning_levels[i];
            bool const is_reached = percent >= level || (level == 100 && is_out);
            if (!is_reached || !budget->raise_warning(level, now.unix_s)) continue;
            ++warnings_[i];
            log::warn("budget: {} '{}' has used {} of {} ({} %)", to_string(seen.owner), seen.name,
                      amount_of(*seen.rule, used), amount_of(*seen.rule, seen.rule->cap), level);
            if (tell_) tell_(message_of(seen, level, used, now, state.reset_s));
        }
    }
}

}  // namespace sluice::stage
