// Whether prices have somebody to belong to. Called by validate.cpp.
#include <algorithm>

#include "config/prose.hpp"
#include "config/validate.hpp"

namespace sluice::config {

void validate_prices(Document const& document, std::vector<Problem>& problems) {
    std::vector<std::string> providers, lists = {"none"};
    for (auto const& provider : document.providers) providers.push_back(provider.name);
    for (auto const& list : document.price_lists) lists.push_back(list.name);
    auto const has = [](std::vector<std::string> const& names, std::string const& name) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    for (auto const& price : document.prices) {
        auto const provider = price.name.substr(0, price.name.find('/'));
        if (has(providers, provider)) continue;
        problems.push_back({price.place, "prices." + price.name + " names the provider " +
                                             in_quotes(provider) + ", which is not defined" +
                                             suggestion(provider, providers)});
    }
    for (auto const& provider : document.providers) {
        if (provider.prices.empty() || has(lists, provider.prices)) continue;
        problems.push_back(
            {provider.place, "providers." + provider.name + ".prices names the price list " +
                                 in_quotes(provider.prices) + ", which is not there" +
                                 suggestion(provider.prices, lists)});
    }
}

}  // namespace sluice::config
