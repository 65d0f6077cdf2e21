// Embeddings of the mock: unit vectors made from a hash of the input. Pure; called by mock.cpp.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/result.hpp"

namespace sluice::provider::mock {

std::vector<float> embed(std::string_view text, std::size_t dimensions);

// The whole answer to POST /embeddings. Error invalid_request: what is wrong.
Result<std::string> write_embeddings(nlohmann::json const& body);

}  // namespace sluice::provider::mock
