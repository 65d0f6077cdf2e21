// What the request readers of all dialects share: the root is one JSON object in UTF-8, walked once
// to its end; how a broken body is told; the one edit that every lane needs. Called by the
// dialects' request.cpp.
#pragma once

#include <string>
#include <string_view>

#include "sluice/dialect.hpp"

#include "dialect/common/walk.hpp"

namespace sluice::dialect {

Error wrong_request(std::string message);
// What the scanner has stumbled over.
Error broken_request(JsonScanner const& scan);
// Before the walk: the size fits offsets, the text is UTF-8, an object begins.
Result<void> begin_request(std::string_view body, JsonScanner& scan);
// The model's name of the target in the place of the caller's.
Patches patch_model(RequestFacts const& facts, std::string_view body,
                    std::string_view upstream_model, bool ask_usage);

}  // namespace sluice::dialect
