// The screen of a model call: authenticate, read, choose, dispatch, relay. Chat, legacy completions
// and embeddings share it; they differ in their codec only.
#pragma once

#include "sluice/dialect.hpp"
#include "sluice/endpoint.hpp"

namespace sluice::endpoint {

class Inference final : public Endpoint {
  public:
    Inference(Dialect const& dialect, Operation operation, std::string_view surface)
        : dialect_(dialect), operation_(operation), surface_(surface) {}

    [[nodiscard]] std::string_view surface() const noexcept override { return surface_; }
    Async<> run(Exchange& x) override;

  private:
    Dialect const& dialect_;
    Operation operation_;
    std::string_view surface_;  // static text
};

}  // namespace sluice::endpoint
