// A whole answer as the events a stream of it would have made. The inverse of collect. Pure.
#pragma once

#include "sluice/llm/answer.hpp"

namespace sluice::dialect {

void explode(llm::Answer const& answer, llm::EventSink& sink);

}  // namespace sluice::dialect
