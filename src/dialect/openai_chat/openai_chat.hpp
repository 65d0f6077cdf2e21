// The openai_chat dialect: chat and text completions and embeddings as OpenAI and its many
// look-alikes speak them. Called by provider and endpoint through the Dialect table alone.
#pragma once

#include "sluice/dialect.hpp"

namespace sluice::dialect {

Dialect const& openai_chat();

}  // namespace sluice::dialect
