// Events as an openai_chat stream.
#pragma once

#include <memory>

#include "sluice/dialect.hpp"

namespace sluice::dialect::openai {

std::unique_ptr<EventWriter> open_writer(WriterOptions options);

}  // namespace sluice::dialect::openai
