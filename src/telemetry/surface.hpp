// What the surfaces of UsageRecord::surface are called elsewhere: the operation of OpenTelemetry's
// GenAI conventions, and the path as HTTP knows it. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace sluice::telemetry {

struct Surface {
    std::string_view name;
    std::string_view operation;  // gen_ai.operation.name; "" = no call of a model
    std::string_view method;
    std::string_view path;
};

inline constexpr std::array<Surface, 8> surfaces = {{
    {"chat.completions", "chat", "POST", "/v1/chat/completions"},
    {"completions", "text_completion", "POST", "/v1/completions"},
    {"embeddings", "embeddings", "POST", "/v1/embeddings"},
    {"messages", "chat", "POST", "/v1/messages"},
    {"count_tokens", "count_tokens", "POST", "/v1/messages/count_tokens"},
    {"models.list", "", "GET", "/v1/models"},
    {"models.get", "", "GET", "/v1/models/{model}"},
    {"welcome", "", "GET", "/"},
}};

// One that is not listed is its own operation.
inline Surface find_surface(std::string_view name) noexcept {
    auto const* const found = std::find_if(surfaces.begin(), surfaces.end(),
                                           [name](Surface const& s) { return s.name == name; });
    return found == surfaces.end() ? Surface{name, name, "", ""} : *found;
}

}  // namespace sluice::telemetry
