// The fields of a head whose bytes were checked already: the quick way for what nearly all heads
// are. A head with a field that has rules of its own for framing or the connection, in any but its
// plain form, is left to Beast.
//
// Called by http1_request and http1_response; calls nothing. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "sluice/http.hpp"

namespace sluice::net {

// Who splits a head into fields. Tests ask Beast too, and compare.
enum class HeadSplit : unsigned char { quick_where_plain, beast };

// `lines`: field lines with their CR LF, names and values checked, then the empty line. Appends
// views into it, values without blanks around them (RFC 9112 section 5). False: not plain, and
// `fields` holds what came before.
bool split_plain_fields(std::string_view lines, std::vector<http::Field>& fields);

}  // namespace sluice::net
