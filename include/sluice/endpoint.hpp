// An endpoint is the script of one client surface: it calls the engine's verbs in order and
// answers.
#pragma once

#include <string_view>

#include "sluice/async.hpp"

namespace sluice {

struct Exchange;

class Endpoint {
  public:
    virtual ~Endpoint() = default;
    // As it stands in records and metrics: "chat.completions", "embeddings", ...
    [[nodiscard]] virtual std::string_view surface() const noexcept = 0;
    // Answers on x.client, or aborts it. An Error means that the client could not be told.
    virtual Async<> run(Exchange& x) = 0;
};

}  // namespace sluice
