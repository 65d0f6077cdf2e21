// A streamed openai_chat answer as events: the translated lane's reader. (The same-dialect lane has
// stream_reader, which only looks.)
#pragma once

#include <memory>

#include "sluice/dialect.hpp"

namespace sluice::dialect::openai {

std::unique_ptr<EventReader> open_events(std::size_t frame_bytes_max);

}  // namespace sluice::dialect::openai
