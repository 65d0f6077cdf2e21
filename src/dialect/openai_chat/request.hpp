// Requests of the openai_chat dialect: the full walk over a body, and the edits for an upstream.
// Called through the Codec table of openai_chat.cpp; calls codec/json_walk.
#pragma once

#include "sluice/dialect.hpp"

namespace sluice::dialect::openai {

Result<RequestFacts> read_request(std::string_view body);

// The model, and stream_options.include_usage when a stream shall report usage unasked.
Patches patch_streaming(RequestFacts const& facts, std::string_view body,
                        std::string_view upstream_model, bool ask_usage);

// Where facts.max_output_tokens is not set: says one.
Patches patch_output_max(RequestFacts const& facts, std::string_view name, std::int64_t tokens);

}  // namespace sluice::dialect::openai
