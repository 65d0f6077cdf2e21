// A provider's answer in the caller's dialect: an AnswerReader whose frames are made, not passed
// on. Streams and whole answers on either side. Made by engine/attempt where the dialects differ.
#pragma once

#include <memory>

#include "sluice/dialect.hpp"

namespace sluice::dialect {

struct TranslationOptions {
    bool from_stream = false;  // the provider answers with events
    bool to_stream = false;    // the caller asked for events
    std::size_t frame_bytes_max = 1 << 20;
    std::size_t body_bytes_max = 64 << 20;  // of a whole answer
    WriterOptions writer;
};

// `from` and `to` are static tables. `losses` outlives the reader; what an answer cannot carry is
// added to it when it is written: before the one frame of a whole answer comes out.
std::unique_ptr<AnswerReader> open_translator(ChatMachines const& from, ChatMachines const& to,
                                              TranslationOptions options, Losses& losses);

}  // namespace sluice::dialect
