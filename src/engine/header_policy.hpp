// Which headers cross sluice, by explicit list in each direction. Hop-by-hop fields, those named by
// Connection (RFC 9110 section 7.6.1), credentials, cookies and organisation headers never do.
#pragma once

#include <string_view>

#include "sluice/http.hpp"

namespace sluice::engine {

// From the caller to a provider; of a name that stands twice the first. Names in `fixed` (the
// provider's own, from config) are left out. `to_mock`: the mock also takes its x-sluice-mock
// instructions.
void forward_request_headers(http::HeaderView from, http::HeaderBlock& to,
                             http::HeaderBlock const& fixed, bool to_mock);

// From a provider to the caller; rate-limit headers as x-upstream-*. `from_mock`: x-sluice-mock
// goes through. `with_content_type`: false where the answer is translated.
void forward_answer_headers(http::HeaderView from, http::HeaderBlock& to, bool from_mock,
                            bool with_content_type = true);

// Retry-After (seconds or an HTTP date) and retry-after-ms, in ms from `now`; 0 = none.
std::int64_t retry_after_ms(http::HeaderView headers, std::int64_t now_unix_s) noexcept;

}  // namespace sluice::engine
