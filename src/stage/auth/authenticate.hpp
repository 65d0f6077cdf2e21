// authenticate(): from a request's head to its Principal, before a byte of the body is read.
#pragma once

#include <memory>
#include <string_view>

#include "sluice/directory.hpp"
#include "sluice/http.hpp"
#include "sluice/result.hpp"

namespace sluice::stage {

// The key the caller sent: `Authorization: Bearer`, else `x-api-key`, else `api-key`. "" when none.
std::string_view presented_key(http::HeaderView headers) noexcept;

// Errors: missing_api_key, and those of Directory::find; all 401 with what to do. None holds the
// key.
Result<std::shared_ptr<Principal const>> authenticate(Directory const& directory,
                                                      http::HeaderView headers,
                                                      Wall::time_point now, bool loopback);

}  // namespace sluice::stage
