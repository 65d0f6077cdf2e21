// POST /v1/messages/count_tokens: asked of the model's own provider where that can count, else
// estimated here.
#pragma once

#include "sluice/dialect.hpp"
#include "sluice/endpoint.hpp"

namespace sluice::endpoint {

class CountTokens final : public Endpoint {
  public:
    explicit CountTokens(Dialect const& dialect) : dialect_(dialect) {}
    [[nodiscard]] std::string_view surface() const noexcept override { return "count_tokens"; }
    Async<> run(Exchange& x) override;

  private:
    Dialect const& dialect_;
};

}  // namespace sluice::endpoint
