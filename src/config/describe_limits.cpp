// The description of `limits`: named classes, and what stands where limits are given. See
// describe.hpp.
#include <algorithm>

#include "base/time_zone.hpp"
#include "config/describe.hpp"
#include "config/names.hpp"

namespace sluice::config {
namespace {

constexpr std::int64_t requests_most = 100'000'000;
constexpr std::int64_t tokens_most = 100'000'000'000;
constexpr std::int64_t budget_tokens_most = 1'000'000'000'000'000;
constexpr std::int64_t usd_most = 1'000'000;
constexpr std::int64_t nano_per_usd = 1'000'000'000;
constexpr std::size_t decimals_max = 9;
constexpr char const* usd_says = "an amount of USD, like 500 or 12.50";

// No binary float is involved. nullopt: no such amount.
std::optional<std::int64_t> to_nano_usd(std::string_view text) {
    auto const point = std::min(text.find('.'), text.size());
    auto const whole = text.substr(0, point);
    auto const decimals =
        point == text.size() ? std::string_view{} : text.substr(point + 1, text.size());
    bool const is_shaped = !whole.empty() && whole.size() <= 7 && decimals.size() <= decimals_max &&
                           (point == text.size() || !decimals.empty());
    if (!is_shaped) return std::nullopt;
    std::string digits{whole};
    digits.append(decimals).append(decimals_max - decimals.size(), '0');
    if (digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
    auto const value = static_cast<std::int64_t>(std::stoll(digits));
    if (value < 1 || value > usd_most * nano_per_usd) return std::nullopt;
    return value;
}

Binding<std::int64_t> describe_usd_amount() {
    Binding<std::int64_t> binding;
    binding.shape.says = usd_says;
    binding.shape.pattern = "^[0-9]{1,7}([.][0-9]{1,9})?$";
    binding.read = [](Reader& reader, Node const& node, std::int64_t& out) {
        auto const text = reader.text(node, usd_says);
        if (!text) return;
        auto const amount = to_nano_usd(*text);
        if (amount) {
            out = *amount;
        } else {
            reader.error(node.place,
                         "must be USD above 0 and up to 1000000, with at most 9 decimals and no "
                         "exponent, like 500 or 12.50");
        }
    };
    binding.print = [](std::int64_t const& nano) {
        auto decimals = std::to_string(nano % nano_per_usd);
        decimals.insert(0, decimals_max - decimals.size(), '0');
        while (decimals.size() > 2 && decimals.back() == '0') decimals.pop_back();
        return Json(std::to_string(nano / nano_per_usd) + "." + decimals);
    };
    return binding;
}

Binding<std::string> describe_time_zone() {
    auto binding = text("a time zone, like UTC or Europe/Berlin");
    binding.read = [read = binding.read](Reader& reader, Node const& node, std::string& out) {
        auto const errors = reader.error_count();
        read(reader, node, out);
        if (reader.error_count() != errors || TimeZone::open(out)) return;
        reader.error(node.place,
                     "is no time zone of this machine; write a name like Europe/Berlin (package "
                     "tzdata), or UTC");
    };
    return binding;
}

Binding<BudgetLimit> describe_budget(std::string title, Binding<std::int64_t> amount) {
    using Period = BudgetPeriod;
    return Described<BudgetLimit>(std::move(title), "An amount for a period of the calendar.")
        .field("amount", &BudgetLimit::amount, std::move(amount), "How much.", true)
        .field("per", &BudgetLimit::per,
               choice<Period>({{"hour", Period::hour},
                               {"day", Period::day},
                               {"week", Period::week},
                               {"month", Period::month},
                               {"total", Period::total}}),
               "The period: weeks begin on Monday; `total` never begins again.")
        .field("time_zone", &BudgetLimit::time_zone, describe_time_zone(),
               "Whose clock says when a period begins.")
        .done();
}

// One budget, or a list of them with a period each.
Binding<std::vector<BudgetLimit>> describe_budgets(std::string title,
                                                   Binding<std::int64_t> amount) {
    auto const budget = describe_budget(std::move(title), std::move(amount));
    Binding<std::vector<BudgetLimit>> one;
    one.shape = budget.shape;
    one.read = [budget](Reader& reader, Node const& node, std::vector<BudgetLimit>& out) {
        budget.read(reader, node, out.emplace_back());
    };
    auto several = list(budget, 1, 5);
    auto binding = either<std::vector<BudgetLimit>>(
        {"a map with amount and per, or a list of them", std::nullopt, several, one});
    binding.read = [read = binding.read](Reader& reader, Node const& node,
                                         std::vector<BudgetLimit>& out) {
        out.clear();
        read(reader, node, out);
        for (std::size_t i = 0; i < out.size(); ++i) {
            for (std::size_t j = 0; j < i; ++j) {
                if (out[i].per == out[j].per) {
                    return reader.error(node.place, "has two amounts for the same period");
                }
            }
        }
    };
    binding.print = several.print;
    return binding;
}

Binding<Shares> describe_shares() {
    return Described<Shares>("limits.*.shares",
                             "Up to which share of each cap the keys of a priority may fill it.")
        .field("batch", &Shares::batch, fraction(), "Keys with `priority: batch`.")
        .field("normal", &Shares::normal, fraction(), "Keys with `priority: normal`.")
        .done();
}

bool is_empty(Limits const& limits) {
    return !limits.rpm && !limits.tpm && !limits.concurrency && !limits.tokens_per_request &&
           limits.usd.empty() && limits.tokens.empty();
}

Binding<Limits> describe_settings() {
    auto binding =
        Described<Limits>("limits.*", "What may be used. What is left out is not limited.")
            .field("rpm", &Limits::rpm, optional(integer(1, requests_most)),
                   "Requests in any 60 seconds.")
            .field("tpm", &Limits::tpm, optional(integer(1, tokens_most)),
                   "Tokens, read and written, in any 60 seconds.")
            .field("concurrency", &Limits::concurrency, optional(integer(1, requests_most)),
                   "Requests under way at once.")
            .field("tokens_per_request", &Limits::tokens_per_request,
                   optional(integer(1, tokens_most)), "Tokens, read and written, of one request.")
            .field("usd", &Limits::usd, describe_budgets("limits.*.usd", describe_usd_amount()),
                   "USD in a period of the calendar.")
            .field("tokens", &Limits::tokens,
                   describe_budgets("limits.*.tokens", integer(1, budget_tokens_most)),
                   "Tokens in a period of the calendar.")
            .field("on_unbounded", &Limits::on_unbounded,
                   choice<OnUnbounded>(
                       {{"cap", OnUnbounded::cap}, {"estimate", OnUnbounded::estimate}}),
                   "`cap`: reserves what a request can use at most, and sets the longest answer "
                   "upstream where the request does not; the cap holds. `estimate`: reserves what "
                   "requests of its kind mostly use; more may be used than the cap.")
            .field(
                "on_store_down", &Limits::on_store_down,
                choice<OnStoreDown>({{"open", OnStoreDown::open}, {"closed", OnStoreDown::closed}}),
                "Budgets, while their file cannot be written: `open` goes on with what is in "
                "memory, `closed` answers 503.")
            .field("on_unpriced", &Limits::on_unpriced,
                   choice<OnUnpriced>({{"refuse", OnUnpriced::refuse}, {"pass", OnUnpriced::pass}}),
                   "Budgets in USD, for a model whose price is not known: `refuse` uses no such "
                   "target, `pass` lets it cost the budget nothing.")
            .field("shares", &Limits::shares, describe_shares(), "What lower priorities leave.")
            .afterwards([](Reader& reader, Node const& node, Limits& out) {
                if (is_empty(out)) reader.warn(node.place, "limits nothing");
                if (out.shares.batch > out.shares.normal) {
                    reader.error(node.place, "gives batch a larger share than normal");
                }
            })
            .done();
    binding.print = [print = binding.print](Limits const& limits) {
        auto printed = print(limits);
        for (auto at = printed.begin(); at != printed.end();) {
            bool const is_left_out = at->is_null() || (at->is_array() && at->empty());
            at = is_left_out ? printed.erase(at) : std::next(at);
        }
        return printed;
    };
    return binding;
}

void read_class_name(Reader& reader, Node const& node, Limits& out) {
    auto const name = reader.text(node, "the name of a class of limits");
    if (!name) return;
    std::vector<std::string> known;
    for (auto const& each : reader.document.limits) {
        if (each.name == *name) {
            out = each;
            return;
        }
        known.push_back(each.name);
    }
    reader.error(node.place, "names no class of limits" + suggestion(*name, known));
}

Binding<Limits> describe_one() {
    Binding<Limits> name;
    name.shape.says = "the name of a class of limits";
    name.read = read_class_name;
    return either<Limits>(
        {"the name of a class of limits, or a map", name, std::nullopt, describe_settings()});
}

}  // namespace

Binding<std::vector<Limits>> describe_limit_classes() {
    return named<Limits>({"class of limits", &Limits::name, check_name, name_pattern},
                         describe_settings(), 1000);
}

Binding<std::optional<Limits>> describe_limit_rules() { return optional(describe_one()); }

Binding<std::vector<NamedLimits>> describe_named_limits(std::string of, Check check) {
    auto const one = describe_one();
    Binding<NamedLimits> entry;
    entry.shape = one.shape;
    entry.read = [one](Reader& reader, Node const& node, NamedLimits& out) {
        one.read(reader, node, out.limits);
    };
    entry.print = [one](NamedLimits const& named_limits) {
        return one.printed(named_limits.limits);
    };
    return named<NamedLimits>({std::move(of), &NamedLimits::name, std::move(check), ""}, entry,
                              10'000);
}

}  // namespace sluice::config
