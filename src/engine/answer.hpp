// Answers sluice makes itself: errors in the caller's dialect and small JSON bodies, with the
// headers every answer carries.
#pragma once

#include <string_view>

#include "sluice/async.hpp"
#include "sluice/exchange.hpp"

namespace sluice::engine {

// x-sluice-request-id, CORS when configured; the rest when it is known.
void add_answer_headers(Exchange const& x, http::HeaderBlock& headers);
// Adds x-sluice-error-origin and Retry-After; sends the error in the caller's dialect and notes it
// in the record. When an answer has begun already it is ended as the dialect ends a broken stream.
// `allow`: the methods a path takes, for 405 (RFC 9110 section 15.5.6).
Async<> refuse(Exchange& x, Error error, std::string_view allow = {});
Async<> answer_json(Exchange& x, std::uint16_t status, std::string body);
Async<> answer_text(Exchange& x, std::uint16_t status, std::string_view content_type,
                    std::string body);
// Notes the error in the record without answering.
void note(Exchange& x, Error const& error);

}  // namespace sluice::engine
