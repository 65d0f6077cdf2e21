// GET /admin/usage: sums of usage as docs/reference/usage_api.md describes them. The question comes
// as a query string, the answer as JSON or CSV. The database is read on an Offload thread.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "endpoint/admin/page.hpp"
#include "net/offload.hpp"
#include "store/usage/query.hpp"

namespace sluice::endpoint {

// Answers a question; blocking. Owns what it touches, or touches what outlives the Offload.
using UsageSource = std::function<Result<store::UsageReport>(store::UsageQuery)>;

// `offload` outlives the listener.
AdminPage::Make usage_page(net::Offload& offload, UsageSource source);

// "a=b&c=d%20e", decoded; '+' is a space. Error: a broken escape, or more than 200 of them.
Result<std::vector<std::pair<std::string, std::string>>> read_query_string(std::string_view query);

}  // namespace sluice::endpoint
