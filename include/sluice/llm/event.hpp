// The event grammar of an answer, streamed or not:
//   Begin  ( Open Delta* Close | Usage )*  End+  Usage?      or Fault at any point, which ends it.
// Blocks of one choice are numbered from 0 in the order they open; in one choice at most one block
// is open at a time. End comes once for each choice that began, after its last Close.
// Texts are views that live for the call only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/error.hpp"
#include "sluice/llm/message.hpp"
#include "sluice/llm/usage.hpp"

namespace sluice::llm {

enum class EventKind : std::uint8_t { begin, open, delta, close, usage, end, fault };

enum class StopReason : std::uint8_t {
    unset,
    stop,           // the model was done
    stop_sequence,  // `text`: which one
    length,
    context,  // the model's window is full
    tool_calls,
    refusal,  // content filter
    pause,    // a provider's own tool goes on in a further request
};

// What a delta adds to.
enum class Part : std::uint8_t { text, arguments, signature, citation, logprobs };

struct Event {
    EventKind kind = EventKind::begin;
    std::uint32_t choice = 0;
    std::uint32_t block = 0;                 // open, delta, close
    BlockKind block_kind = BlockKind::text;  // open; opaque: `json` is the whole block
    Part part = Part::text;                  // delta
    Text id;                                 // begin: the answer's; open of a tool call: its id
    Text model;                              // begin
    Text name;                               // open of a tool call
    Text text;                               // delta; redacted thought: its data; stop sequence
    std::string_view json;                   // delta of logprobs; opaque block
    Citation const* citation = nullptr;      // delta of citation
    StopReason reason = StopReason::unset;   // end
    std::string_view native;                 // end: the provider's word, quoted JSON or ""
    Usage const* usage = nullptr;            // usage: totals so far, cumulative
    Error const* error = nullptr;            // fault
    std::string_view dialect;                // opaque, signature: whose it is
};

class EventSink {
  public:
    virtual void on_event(Event const& event) = 0;

  protected:
    ~EventSink() = default;
};

}  // namespace sluice::llm
