#include "engine/lane.hpp"

#include <algorithm>
#include <iterator>

#include "dialect/common/translator.hpp"
#include "engine/intake.hpp"
#include "engine/snapshot.hpp"
#include "engine/worker_context.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {
namespace {

Codec const& codec_of(Exchange const& x, Target const& target) noexcept {
    return *target.provider->dialect->row[static_cast<std::size_t>(x.operation)];
}

void write_headers(Exchange const& x, Target const& target, provider::Credential const* credential,
                   http::HeaderBlock& headers) {
    auto const& provider = *target.provider;
    auto const& from = x.client.head().headers;
    forward_request_headers(from, headers, provider.headers, provider.is_mock);
    auto const& dialect = *provider.dialect;
    if (!is_translated(x, target)) {
        for (auto const name : dialect.own_headers) {
            auto const value = from.get(name);
            bool const is_fixed =
                !provider.headers.wire().empty() && !provider.headers.get(name).empty();
            if (!value.empty() && !is_fixed) headers.add_trusted(name, value);
        }
    }
    bool const lacks_version =
        !dialect.version_header.empty() && headers.get(dialect.version_header).empty() &&
        (provider.headers.wire().empty() || provider.headers.get(dialect.version_header).empty());
    if (lacks_version) headers.add(dialect.version_header, dialect.version_value);
    if (!from.has("content-type")) headers.add_trusted("content-type", "application/json");
    headers.add("accept-encoding", provider.accept_encoding);
    if (credential) {
        auto const secret = credential->value.reveal();
        BlockText value;
        value.reserve(provider.auth_prefix.size() + secret.size());
        value.append(provider.auth_prefix).append(secret);
        headers.add(provider.auth_header, value);
    }
    headers.append(provider.headers);
}

// `body`: what is sent so far.
Result<void> shape_body(Exchange const& x, Outgoing& out, std::string_view body,
                        std::vector<dialect::ShapeRule> const& rules, std::string_view model) {
    auto shaped = dialect::shape(body, rules, model);
    if (!shaped) return {};
    auto held = out.body.hold(x, std::move(*shaped));
    if (held) out.request.body = {out.body.view()};
    return held;
}

// The longest answer that is said upstream for a request that says none: what was reserved, and no
// more than the model can. nullopt: nothing is to be said.
std::optional<std::int64_t> output_cap(Exchange const& x, Target const& target,
                                       std::string_view model) noexcept {
    if (!x.limits || !x.limits->output_cap) return std::nullopt;
    auto const* listed = target.provider->prices.listed.find(model);
    auto const own = listed ? listed->rules.output_tokens_max : std::nullopt;
    return own ? std::min<std::int64_t>(*x.limits->output_cap, *own) : *x.limits->output_cap;
}

// Both are sorted, and none touches what another changes.
void merge(Patches& into, Patches more) {
    into.insert(into.end(), std::make_move_iterator(more.begin()),
                std::make_move_iterator(more.end()));
    std::stable_sort(into.begin(), into.end(),
                     [](Patch const& a, Patch const& b) { return a.offset < b.offset; });
}

Error cannot_carry(Losses const& losses) {
    auto error = client_error(ErrorCode::invalid_request, 400,
                              "The model's provider cannot carry: " + losses.joined() +
                                  ". Leave it out, or ask for another model.");
    error.retry = Retry::next;
    return error;
}

// The route would fan out, but not that far.
bool asks_too_many(Exchange const& x, Target const& target) noexcept {
    return x.route->fans_out && x.facts.choices > fan_out_max &&
           !codec_of(x, target).chat->has_choices;
}

Error too_many_choices() {
    auto error = client_error(
        ErrorCode::invalid_request, 400,
        "\"n\" above " + std::to_string(fan_out_max) +
            " cannot be answered by this model: ask for fewer choices, or send separate requests.");
    error.retry = Retry::next;
    return error;
}

Result<void> translate(Exchange& x, Codec const& codec, Target const& target,
                       std::string_view model, Outgoing& out) {
    x.losses = {};
    if (!x.neutral) {
        auto read = codec.chat->read_chat(x.body.view());
        if (!read) return std::move(read).error();
        x.neutral = std::make_unique<llm::Request>(std::move(*read));
    }
    auto const* price = target.provider->prices.listed.find(model);
    llm::TargetView view;
    view.model = model;
    view.ask_usage = true;
    view.rules = price ? &price->rules : nullptr;
    view.max_output_name = target.provider->max_output_name;
    view.one_choice = requests_of(x, target) > 1;
    if (asks_too_many(x, target)) return too_many_choices();
    if (auto const cap = output_cap(x, target, model)) x.neutral->max_output_tokens = *cap;
    auto body = codec_of(x, target).chat->write_chat(*x.neutral, view, x.losses);
    if (!body) {
        auto error = std::move(body).error();
        error.retry = Retry::next;
        return error;
    }
    if (x.route->refuses_losses && !x.losses.empty()) return cannot_carry(x.losses);
    auto held = out.body.hold(x, std::move(*body));
    if (held) out.request.body = {out.body.view()};
    return held;
}

}  // namespace

std::uint32_t requests_of(Exchange const& x, Target const& target) noexcept {
    bool const is_many = x.facts.choices > 1 && x.facts.choices <= fan_out_max;
    bool const fans_out = is_many && x.route->fans_out && is_translated(x, target);
    if (!fans_out) return 1;
    auto const* spoken = target.provider->dialect->row[static_cast<std::size_t>(x.operation)];
    return spoken && spoken->chat && !spoken->chat->has_choices ? x.facts.choices : 1;
}

HeldBody::~HeldBody() { let_go(); }

void HeldBody::let_go() noexcept {
    if (counter_) counter_->fetch_sub(bytes_, std::memory_order_relaxed);
    counter_ = nullptr;
}

Result<void> HeldBody::hold(Exchange const& x, std::string body) {
    let_go();
    body_ = std::move(body);
    bytes_ = static_cast<std::int64_t>(body_.size());
    counter_ = x.worker.body_bytes_in_flight;
    auto const before = counter_->fetch_add(bytes_, std::memory_order_relaxed);
    if (before + bytes_ <= x.snapshot.body_bytes_in_flight_max) return {};
    return holds_too_much();
}

Result<void> write_outgoing(Exchange& x, Codec const& codec, Target const& target,
                            provider::Credential const* credential, std::string_view model,
                            Outgoing& out) {
    auto& request = out.request;
    auto const& spoken = codec_of(x, target);
    request.method = http::Method::post;
    request.target.reserve(target.provider->path_prefix.size() + spoken.upstream_path.size());
    request.target += target.provider->path_prefix;
    request.target += spoken.upstream_path;
    write_headers(x, target, credential, request.headers);
    auto const& rules = target.provider->shape;
    if (is_translated(x, target)) {
        auto translated = translate(x, codec, target, model, out);
        if (!translated || rules.empty()) return translated;
        return shape_body(x, out, out.body.view(), rules, model);
    }
    auto const query = x.client.head().query;
    if (spoken.forwards_query && !query.empty()) request.target.append("?").append(query);
    out.patches = codec.patch_request(x.facts, x.body.view(), model, true);
    auto const cap = codec.patch_output_max ? output_cap(x, target, model) : std::nullopt;
    if (cap)
        merge(out.patches, codec.patch_output_max(x.facts, target.provider->max_output_name, *cap));
    request.body = gather(x.body.view(), out.patches);
    if (rules.empty()) return {};
    std::string whole;
    for (auto const piece : request.body) whole += piece;
    return shape_body(x, out, whole, rules, model);
}

namespace {

dialect::TranslationOptions translation_options(Exchange const& x) {
    dialect::TranslationOptions options;
    options.to_stream = x.facts.stream;
    options.frame_bytes_max = x.snapshot.frame_bytes_max;
    options.body_bytes_max = x.snapshot.response_bytes_max;
    options.writer.model = x.facts.model;
    options.writer.id = x.record.id.view();
    options.writer.created =
        std::chrono::duration_cast<seconds>(x.record.at.time_since_epoch()).count();
    options.writer.wants_usage = x.facts.wants_usage;
    return options;
}

}  // namespace

std::unique_ptr<AnswerReader> open_reader(Exchange& x, Codec const& codec, Target const& target,
                                          bool is_stream) {
    if (!is_translated(x, target)) {
        return codec.open_reader(ReaderOptions{is_stream, x.snapshot.frame_bytes_max});
    }
    auto options = translation_options(x);
    options.from_stream = is_stream;
    return dialect::open_translator(*codec_of(x, target).chat, *codec.chat, std::move(options),
                                    x.losses);
}

std::unique_ptr<dialect::FanIn> open_fan_in(Exchange& x, Codec const& codec, Target const& target,
                                            std::vector<bool> const& are_streams) {
    return std::make_unique<dialect::FanIn>(*codec_of(x, target).chat, *codec.chat,
                                            translation_options(x), are_streams, x.losses);
}

}  // namespace sluice::engine
