// Fuzz: the limits as a state machine. The input is a script of reserve, extend, settle, release,
// expiry, passing time and changed caps; whatever it says, no cell goes above the largest cap, what
// is refused changes nothing, and at rest all gauges are zero.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "store/memory/limit.hpp"

namespace {

using namespace sluice;
using namespace sluice::store;

void require(bool holds) {
    if (!holds) std::abort();
}

class Script {
  public:
    Script(std::uint8_t const* data, std::size_t size) : at_(data), end_(data + size) {}
    [[nodiscard]] bool is_over() const { return at_ == end_; }
    std::int64_t byte() { return at_ == end_ ? 0 : *at_++; }
    std::int64_t word() { return byte() * 256 + byte(); }

  private:
    std::uint8_t const* at_;
    std::uint8_t const* end_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Script script(data, size);
    Moment now{1'000'000, 1'790'000'000};
    BudgetSlot slot;
    LimitCell gauge{LimitCell::Gauged{}}, window{LimitCell::Windowed{}},
        budget{slot, static_cast<Period>(script.byte() % 5), nullptr};
    std::int64_t cap = 1000, highest = cap;
    Leases leases;
    std::vector<std::pair<Grant, std::int64_t>> held;
    auto const asks = [&](std::int64_t amount) {
        return std::vector<Ask>{{&gauge, LimitKind::concurrency, 1, cap},
                                {&window, LimitKind::tokens, amount, cap},
                                {&budget, LimitKind::usd_budget, amount, cap}};
    };
    while (!script.is_over()) {
        switch (script.byte() % 7) {
            case 0: {
                auto const amount = script.word();
                leases.expire(now);
                auto const before = budget.state(now).held;
                auto got = leases.reserve(Ulid{}, asks(amount), now, script.byte());
                if (auto* grant = std::get_if<Grant>(&got)) {
                    held.emplace_back(std::move(*grant), amount);
                } else {
                    require(budget.state(now).held == before);
                    require(std::get<Denied>(got).retry_after_s >= 1);
                }
                break;
            }
            case 1:
                if (!held.empty() && held.back().first.is_held()) {
                    auto const amount = script.byte();
                    std::vector<Ask> const more{{&window, LimitKind::tokens, amount, cap}};
                    std::ignore = held.back().first.extend(more, now);
                }
                break;
            case 2:
            case 3:
                if (!held.empty()) {
                    auto const at = static_cast<std::size_t>(script.byte()) % held.size();
                    auto const used = held[at].second == 0 ? 0 : script.word() % held[at].second;
                    held[at].first.settle({1, used, used});
                    held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
                }
                break;
            case 4:
                if (!held.empty()) held.pop_back();
                break;
            case 5: {
                auto const by = script.byte() % 16 == 0 ? script.word() * 50 : script.byte() % 70;
                now.steady_s += by;
                now.unix_s += by;
                break;
            }
            default:
                cap = script.word();
                highest = std::max(highest, cap);
        }
        auto const state = budget.state(now);
        require(window.state(now).held <= highest && window.state(now).held >= 0);
        require(state.held <= highest && state.reserved >= 0);
        require(gauge.state(now).held == static_cast<std::int64_t>(leases.held()));
    }
    held.clear();
    require(leases.held() == 0 && gauge.state(now).held == 0);
    require(budget.state(now).reserved == 0);
    now.steady_s += Window::seconds_kept;
    require(window.state(now).held == 0);
    return 0;
}
