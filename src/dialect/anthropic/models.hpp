// The models a caller may use, as GET /v1/models tells them. Called through the Dialect table.
#pragma once

#include <span>
#include <string>

#include "sluice/dialect.hpp"

namespace sluice::dialect::anthropic {

// One page holds them all.
std::string write_models(std::span<ModelName const> models);
std::string write_model(ModelName const& model);

}  // namespace sluice::dialect::anthropic
