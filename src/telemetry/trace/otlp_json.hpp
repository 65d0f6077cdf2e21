// A UsageRecord as OpenTelemetry spans in OTLP's JSON form: a SERVER span for the request, a CLIENT
// child for each attempt. Names after the GenAI semantic conventions 1.41. Pure; called by the
// exporter's thread. No text of a prompt, an answer or an end user's name is in a record's span.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "sluice/usage_record.hpp"

namespace sluice::telemetry {

// Appends the spans of one record, comma separated, with no comma in front; how many they are.
std::size_t append_spans(std::string& out, UsageRecord const& record);

// The body of a POST: the resource, then `spans` as append_spans made them.
std::string to_export_request(std::string_view service_name,
                              std::map<std::string, std::string> const& resource,
                              std::string_view version, std::string_view spans);

}  // namespace sluice::telemetry
