// GET /v1/models and /v1/models/{id}: the model names this caller may use, in the form of the
// dialect it shows (a version header), else in the default one.
#pragma once

#include "sluice/endpoint.hpp"

namespace sluice::endpoint {

class ModelList final : public Endpoint {
  public:
    [[nodiscard]] std::string_view surface() const noexcept override { return "models.list"; }
    Async<> run(Exchange& x) override;
};

class ModelGet final : public Endpoint {
  public:
    [[nodiscard]] std::string_view surface() const noexcept override { return "models.get"; }
    Async<> run(Exchange& x) override;
};

}  // namespace sluice::endpoint
