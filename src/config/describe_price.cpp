// The description of prices: the files of config/models/ and the section `prices`. See
// describe.hpp.
#include <algorithm>

#include "config/describe.hpp"
#include "config/names.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t decimals_max = 6;  // a millionth of a USD for a million tokens: one pico-USD
constexpr std::int64_t usd_max = 1'000'000;

// USD per million tokens as pico-USD per token: the decimal point six places on. nullopt: no such
// number. No binary float is involved.
std::optional<std::int64_t> to_pico_per_token(std::string_view text) {
    auto const point = std::min(text.find('.'), text.size());
    auto const whole = text.substr(0, point);
    auto const decimals =
        point == text.size() ? std::string_view{} : text.substr(std::min(point + 1, text.size()));
    if (whole.empty() || whole.size() > 7 || decimals.size() > decimals_max) return std::nullopt;
    if (point != text.size() && decimals.empty()) return std::nullopt;
    std::string digits{whole};
    digits.append(decimals).append(decimals_max - decimals.size(), '0');
    if (digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
    auto const value = static_cast<std::int64_t>(std::stoll(digits));
    if (value > usd_max * 1'000'000) return std::nullopt;
    return value;
}

Binding<std::optional<std::int64_t>> describe_usd() {
    constexpr char const* says = "USD per million tokens, at most 6 decimals";
    Binding<std::optional<std::int64_t>> binding;
    binding.shape.says = says;
    binding.shape.pattern = "^[0-9]{1,7}([.][0-9]{1,6})?$";
    binding.read = [](Reader& reader, Node const& node, std::optional<std::int64_t>& out) {
        auto const text = reader.text(node, says);
        if (!text) return;
        out = to_pico_per_token(*text);
        if (!out) {
            reader.error(node.place,
                         "must be USD per million tokens from 0 to 1000000, with at most 6 "
                         "decimals and no exponent, like 2.50");
        }
    };
    binding.print = [](std::optional<std::int64_t> const& pico_per_token) {
        if (!pico_per_token) return Json();
        auto decimals = std::to_string(*pico_per_token % 1'000'000);
        decimals.insert(0, decimals_max - decimals.size(), '0');
        return Json(std::to_string(*pico_per_token / 1'000'000) + "." + decimals);
    };
    return binding;
}

template <class T>
Described<T> with_prices(Described<T> described) {
    auto const usd = describe_usd();
    using Rate = std::optional<std::int64_t> T::*;  // members of the base
    return described.field("input", Rate{&T::input}, usd, "A token read.")
        .field("cache_read", Rate{&T::cache_read}, usd,
               "A token read from the provider's cache; left out: as `input`.")
        .field("cache_write", Rate{&T::cache_write}, usd,
               "A token written into it; left out: as `input`.")
        .field("cache_write_1h", Rate{&T::cache_write_1h}, usd,
               "A token written into it to be kept for an hour.")
        .field("audio_input", Rate{&T::audio_input}, usd, "A token of audio read.")
        .field("output", Rate{&T::output}, usd, "A token written, reasoning included.")
        .field("audio_output", Rate{&T::audio_output}, usd, "A token of audio written.");
}

Binding<TokenPrice> describe_token_price() {
    return with_prices(Described<TokenPrice>("prices.*.service_tiers.*",
                                             "USD per million tokens in a service tier."))
        .done();
}

Binding<LongPrompt> describe_long_prompt() {
    return with_prices(Described<LongPrompt>(
                           "prices.*.long_prompt",
                           "USD per million tokens for a whole request with a long prompt."))
        .field("above", &LongPrompt::above, integer(1, 1'000'000'000),
               "Input tokens above which it holds.", true)
        .done();
}

// Maps from a word to a price.
Binding<std::map<std::string, TokenPrice>> describe_service_tiers() {
    auto const price = describe_token_price();
    Binding<std::map<std::string, TokenPrice>> binding;
    binding.shape.type = Shape::Type::map;
    binding.shape.most = 20;
    binding.shape.says = "service tier";
    binding.shape.pattern = name_pattern;
    binding.shape.parts = {price.shape};
    binding.read = [price](Reader& reader, Node const& node,
                           std::map<std::string, TokenPrice>& out) {
        if (node.kind != Node::Kind::map) {
            return reader.wrong_type(node, "a map from service tier to its prices");
        }
        for (auto const& [key, place, value] : node.entries) {
            Reader::Step const step(reader, key);
            if (auto const wrong = check_name(key)) reader.error(place, *wrong);
            price.read(reader, *value, out[key]);
        }
    };
    binding.print = [price](std::map<std::string, TokenPrice> const& tiers) {
        Json printed = Json::object();
        for (auto const& [tier, of] : tiers) printed[tier] = price.printed(of);
        return printed;
    };
    return binding;
}

// Members of one struct as if they stood in the one around it.
template <class M>
void add_trait(Described<ModelPrice>& described, char const* name, M ModelTraits::*member,
               Binding<M> binding, char const* doc) {
    auto fallback = binding.show(ModelTraits{}.*member);
    described.field(
        name, binding.shape, doc,
        [read = binding.read, member](Reader& reader, Node const& node, ModelPrice& out) {
            read(reader, node, out.traits.*member);
        },
        fallback);
}

Binding<ModelPrice> describe_model_price(bool with_traits) {
    auto described = with_prices(Described<ModelPrice>(
        with_traits ? "a price list, models.*" : "prices.*",
        "USD per million tokens. A kind of token that occurs and has no price makes the cost of "
        "the request unknown."));
    described
        .field("names", &ModelPrice::names,
               list(text("a name or glob", check_model_pattern), 0, 50),
               "Other names of the model; one `*` stands for anything.")
        .field("long_prompt", &ModelPrice::long_prompt, optional(describe_long_prompt()),
               "Prices for requests with a long prompt.")
        .field("service_tiers", &ModelPrice::service_tiers, describe_service_tiers(),
               "Prices by the `service_tier` the provider answers with. `default`, `standard` and "
               "`auto` are the plain price; a tier that is not here makes the cost unknown.");
    if (!with_traits) return described.done();
    add_trait(described, "output_max", &ModelTraits::output_max, integer(0, 100'000'000),
              "The longest answer in tokens; what a translated request asks for when the caller "
              "named no maximum and the dialect needs one. 0: not known.");
    add_trait(described, "sampling", &ModelTraits::sampling, boolean(),
              "`false`: the model refuses temperature, top_p and top_k.");
    add_trait(described, "prefill", &ModelTraits::prefill, boolean(),
              "`false`: the model refuses an assistant's turn at the end.");
    add_trait(described, "schema", &ModelTraits::schema, boolean(),
              "`false`: the model has no structured output by JSON schema.");
    using Thinking = ModelTraits::Thinking;
    add_trait(
        described, "thinking", &ModelTraits::thinking,
        choice<Thinking>(
            {{"none", Thinking::none}, {"budget", Thinking::budget}, {"effort", Thinking::effort}}),
        "How it is told to think: not at all, with a budget in tokens, or by effort.");
    return described.done();
}

}  // namespace

Binding<std::vector<ModelPrice>> describe_prices() {
    auto const check = [](std::string const& name) -> std::optional<std::string> {
        auto const slash = name.find('/');
        bool const is_pair = slash != name.npos && slash > 0 && slash + 1 < name.size();
        if (!is_pair || check_name(name.substr(0, slash))) {
            return "must be provider/model, as in a route's target; the model may hold one '*'";
        }
        return check_model_pattern(name.substr(slash + 1));
    };
    return named<ModelPrice>({"provider/model", &ModelPrice::name, check, "^[^/]+/.+$"},
                             describe_model_price(false), 10'000);
}

Binding<PriceList> const& price_list_description() {
    static Binding<PriceList> const description =
        Described<PriceList>("a price list",
                             "A file `models/<name>.yaml` beside the configuration adds a list, or "
                             "replaces a built-in one.")
            .field("as_of", &PriceList::as_of,
                   text("a date", nullptr, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
                   "The date its figures are of; part of the price version in records.", true)
            .field("models", &PriceList::models,
                   named<ModelPrice>({"model", &ModelPrice::name, check_model_pattern,
                                      "^[^\\s*\"\\\\]*[*]?[^\\s*\"\\\\]*$"},
                                     describe_model_price(true), 10'000),
                   "Model name or glob -> its prices.", true)
            .done();
    return description;
}

}  // namespace sluice::config
