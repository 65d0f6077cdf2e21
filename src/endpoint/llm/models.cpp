#include "endpoint/llm/models.hpp"

#include <vector>

#include "engine/answer.hpp"
#include "engine/intake.hpp"
#include "engine/snapshot.hpp"
#include "net/server_stream.hpp"

namespace sluice::endpoint {
namespace {

// The routes have been there since they were loaded.
std::int64_t created(Exchange const& x) noexcept {
    return std::chrono::duration_cast<seconds>(x.snapshot.loaded_at.time_since_epoch()).count();
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// Model names may hold '/' and arrive percent-encoded (RFC 3986 section 2.1).
std::string percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        bool const escape = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                            hex_digit(text[i + 2]) >= 0;
        if (!escape) {
            out += text[i];
            continue;
        }
        out += static_cast<char>(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
        i += 2;
    }
    return out;
}

}  // namespace

Async<> ModelList::run(Exchange& x) {
    auto known = engine::authenticate(x);
    if (!known) co_return co_await engine::refuse(x, std::move(known).error());
    std::vector<ModelName> models;
    for (auto const& route : x.snapshot.routes.all()) {
        // A glob stands for names only its provider knows; it is no model id.
        if (route.name.find('*') != std::string::npos) continue;
        if (x.principal && !x.principal->may_use(route.name)) continue;
        models.push_back({route.name, created(x)});
    }
    co_return co_await engine::answer_json(x, 200, x.dialect->write_models(models));
}

Async<> ModelGet::run(Exchange& x) {
    auto known = engine::authenticate(x);
    if (!known) co_return co_await engine::refuse(x, std::move(known).error());
    constexpr std::string_view prefix = "/v1/models/";
    auto const model = percent_decoded(x.client.head().path.substr(prefix.size()));
    x.record.model_asked = model;
    auto route = engine::find_route(x, model);
    if (!route) co_return co_await engine::refuse(x, std::move(route).error());
    co_return co_await engine::answer_json(x, 200, x.dialect->write_model({model, created(x)}));
}

}  // namespace sluice::endpoint
