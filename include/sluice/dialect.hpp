// A dialect is a wire grammar (openai_chat, ...): pure functions and machines over bytes. It knows
// no provider, no socket, no clock. A codec is its row for one operation; a null row is not spoken.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/blocks.hpp"
#include "sluice/http.hpp"
#include "sluice/limiter.hpp"
#include "sluice/llm/answer.hpp"
#include "sluice/llm/event.hpp"
#include "sluice/llm/request.hpp"
#include "sluice/llm/target.hpp"
#include "sluice/llm/usage.hpp"
#include "sluice/loss.hpp"
#include "sluice/result.hpp"
#include "sluice/texts.hpp"

namespace sluice {

enum class Operation : std::uint8_t { chat, complete, embed, count };
inline constexpr std::size_t operation_count = 4;
std::string_view to_string(Operation operation) noexcept;

// A place in a body, in bytes.
struct Span {
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
};

// What sluice needs to know of a request; everything else passes as it came. Offsets are into the
// body it was read from.
struct RequestFacts {
    std::string model;  // decoded
    Span model_value;   // the JSON string with its quotes
    bool stream = false;
    bool wants_usage = false;                  // stream_options.include_usage == true
    std::optional<Span> stream_options;        // the member's value
    std::optional<Span> include_usage;         // the value inside stream_options
    std::uint32_t stream_options_members = 0;  // when it is an object
    std::uint32_t first_member = 0;            // offset right after the root '{'
    bool root_is_empty = false;
    std::optional<std::int64_t> max_output_tokens;
    std::uint32_t choices = 1;  // n
    // Answers that the provider makes and counts: more than choices where each of several prompts
    // has its own, or the best of several is chosen.
    std::uint32_t answers = 1;
    // Values of members that could bound the answer and do not (null, below zero).
    std::vector<Span> open_output_limits;
    std::string user;  // decoded; "" when absent
    bool has_tools = false;
    // Members of `metadata` that are texts, decoded: at most 16, names of at most 64 bytes, values
    // cut at 128.
    std::vector<std::pair<std::string, std::string>> metadata;
};

// Replace `length` bytes at `offset` by `replacement`. Sorted by offset, not overlapping.
struct Patch {
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
    std::string replacement;
};
using Patches = std::vector<Patch>;

// The body with its patches applied, as views into `body` and `patches` (both must outlive them).
BlockVector<std::string_view> gather(std::string_view body, Patches const& patches);
BlockVector<std::string_view> gather(std::string_view body, Patches&& patches) = delete;

enum class FrameKind : std::uint8_t {
    ping,     // comment, empty frame, keep-alive: proves nothing
    begin,    // the opening frame without content (role only, empty choices)
    content,  // the answer speaks
    usage,    // carries usage and nothing else: may be stripped
    fault,    // an error in the stream
    done,     // the dialect's end mark
};

// One frame of a streamed answer, or one piece of a unary one. `raw` is exactly what came.
struct Frame {
    FrameKind kind = FrameKind::content;
    std::string_view raw;
};

class FrameSink {
  public:
    virtual void on_frame(Frame const& frame) = 0;

  protected:
    ~FrameSink() = default;
};

// Reads one answer, streamed or unary. A machine: feed bytes in any split, frames come out the
// same.
class AnswerReader {
  public:
    virtual ~AnswerReader() = default;

    // Streamed: calls the sink for each complete frame; an incomplete tail is kept (bounded by
    // frame_bytes_max: beyond it, response_too_large). Unary: every byte fed comes out at once as
    // one piece: ping while only white space has come, begin until a member shows that this is no
    // error body, then content; fault from where the top level turned out to be an error or no
    // JSON.
    virtual Result<void> feed(std::string_view bytes, FrameSink& sink) = 0;
    // The body has ended. Streamed: a tail without its blank line is delivered if it is whole.
    // Error upstream_reset when the dialect says the answer cannot have been complete, or
    // upstream_bad_response when a unary body is no JSON of this dialect.
    virtual Result<void> finish(FrameSink& sink) = 0;
    // The whole answer in one piece, in place of feed ... finish: the same results, often cheaper.
    virtual Result<void> read_whole(std::string_view bytes, FrameSink& sink) {
        if (auto fed = feed(bytes, sink); !fed) return fed;
        return finish(sink);
    }

    [[nodiscard]] virtual llm::Usage const& usage() const noexcept = 0;
    // Set once a fault frame or an error body was seen. Classified: code, retry, status.
    [[nodiscard]] virtual std::optional<Error> const& fault() const noexcept = 0;
    [[nodiscard]] virtual std::string_view model() const noexcept = 0;  // as reported, "" before
    [[nodiscard]] virtual std::string_view finish_reason()
        const noexcept = 0;  // first choice's, "" before
    [[nodiscard]] virtual std::uint64_t content_bytes()
        const noexcept = 0;  // decoded text seen so far: estimates usage when none is reported
};

struct ReaderOptions {
    bool streamed = false;
    std::size_t frame_bytes_max = 1 << 20;
};

// Reads a streamed answer as events: the first half of a translation. A machine: feed bytes in any
// split, the events are the same. After an error or a fault nothing more comes.
class EventReader {
  public:
    virtual ~EventReader() = default;

    // Errors: response_too_large (a frame beyond frame_bytes_max), upstream_bad_response.
    virtual Result<void> feed(std::string_view bytes, llm::EventSink& sink) = 0;
    // The body has ended. Closes what is open; error upstream_reset when the answer was cut.
    virtual Result<void> finish(llm::EventSink& sink) = 0;

    [[nodiscard]] virtual llm::Usage const& usage() const noexcept = 0;
    [[nodiscard]] virtual std::optional<Error> const& fault() const noexcept = 0;
    [[nodiscard]] virtual std::string_view model() const noexcept = 0;
    [[nodiscard]] virtual std::string_view finish_reason() const noexcept = 0;
    [[nodiscard]] virtual std::uint64_t content_bytes() const noexcept = 0;
    [[nodiscard]] virtual bool done() const noexcept = 0;  // the dialect's end mark was seen
};

struct WriterOptions {
    std::string model;         // what the answer is said to be of, when the provider does not say
    std::string id;            // of the answer, when the provider gives none
    std::int64_t created = 0;  // Unix seconds
    bool wants_usage = true;   // the caller asked for it in the stream
    Losses* losses = nullptr;  // of a stream: told what cannot be carried; outlives its writer
};

// Writes events as a streamed answer: the second half of a translation. What is to go out now
// stands in `out`, which the caller empties.
class EventWriter : public llm::EventSink {
  public:
    virtual ~EventWriter() = default;
    // All events have come: what is left to say (usage, end marks). Not after a fault.
    virtual void finish() = 0;

    std::string out;
};

// What makes a dialect's chat one side of any translation.
struct ChatMachines {
    // `body` has passed read_request.
    Result<llm::Request> (*read_chat)(std::string_view body);
    Result<std::string> (*write_chat)(llm::Request const& request, llm::TargetView const& target,
                                      Losses& losses);
    // A whole answer; views into `body`. Errors: an error body classified, upstream_bad_response.
    Result<llm::Answer> (*read_answer)(std::string_view body);
    std::string (*write_answer)(llm::Answer const& answer, WriterOptions const& options,
                                Losses& losses);
    std::unique_ptr<EventReader> (*open_events)(std::size_t frame_bytes_max);
    std::unique_ptr<EventWriter> (*open_writer)(WriterOptions options);
    // What write_chat, and what write_answer and open_writer's machine, may name as lost, beside
    // members of the request that no dialect shares.
    std::span<LossRule const> request_losses;
    std::span<LossRule const> answer_losses;
    // A request may ask for several answers: the neutral model's choices.
    bool has_choices = true;
};

struct Codec {
    // The path below a provider's base URL, e.g. "/chat/completions".
    std::string_view upstream_path;
    // One full validating walk; no early exit. Errors: invalid_json, duplicate_member,
    // invalid_request, each with a message that says what to change. The bytes behind
    // body.end() must be readable for http::Body::padding.
    Result<RequestFacts> (*read_request)(std::string_view body);
    // Same-dialect lane: the edits that make `body` right for a target.
    Patches (*patch_request)(RequestFacts const& facts, std::string_view body,
                             std::string_view upstream_model, bool ask_usage);
    std::unique_ptr<AnswerReader> (*open_reader)(ReaderOptions const& options);
    ChatMachines const* chat = nullptr;  // null: not translated
    // The query of the caller's path goes on to a target of the same dialect.
    bool forwards_query = false;
    AnswerTexts const* texts = nullptr;  // null: its answers hold no text
    // The edits that bound an answer which the request leaves open; `name` is the provider's for
    // the member. Null: its requests always say a bound, or its answers have no tokens.
    Patches (*patch_output_max)(RequestFacts const& facts, std::string_view name,
                                std::int64_t tokens) = nullptr;
};

// A model as callers are told of it.
struct ModelName {
    std::string_view id;
    std::int64_t created = 0;  // Unix seconds
};

// Can a request of `from` be answered by a target that speaks `to`, translated or as it is?
struct Dialect;
bool can_serve(Dialect const& from, Dialect const& to, Operation operation) noexcept;

struct Dialect {
    std::string_view name;
    std::array<Codec const*, operation_count> row{};
    // An error answer in the dialect's shape. `request_id` is told to the caller.
    std::string (*write_error)(Error const& error, std::string_view request_id);
    // The same in a stream that has begun: a whole frame.
    std::string (*write_stream_error)(Error const& error, std::string_view request_id);
    // Classifies an upstream's non-2xx answer: code, origin, retry, status, safe message.
    // `body` may be anything: HTML, empty, cut.
    Error (*read_error)(std::uint16_t status, std::string_view body);
    // Request headers of this dialect alone: they go on to targets that speak it.
    std::span<std::string_view const> own_headers = {};
    // A header every request of the dialect has, and what sluice sends where the caller has none; a
    // caller who shows it has errors told in this dialect on any path. "" = there is none.
    std::string_view version_header = {};
    std::string_view version_value = {};
    // The answer header in which its SDKs look for the request's id; "" = none of its own.
    std::string_view request_id_header = {};
    // How it says that the provider has too much to do. 529 in an Error stands for it.
    std::uint16_t overloaded_status = 503;
    // The models a caller may use: all of them, and one.
    std::string (*write_models)(std::span<ModelName const> models) = nullptr;
    std::string (*write_model)(ModelName const& model) = nullptr;
    // What its SDKs look for of the caller's limits.
    void (*add_rate_limits)(RateLimitFigures const& figures, http::HeaderBlock& headers) = nullptr;
};

inline bool can_serve(Dialect const& from, Dialect const& to, Operation operation) noexcept {
    auto const* asked = from.row[static_cast<std::size_t>(operation)];
    auto const* spoken = to.row[static_cast<std::size_t>(operation)];
    return asked && spoken && (&from == &to || (asked->chat && spoken->chat));
}

}  // namespace sluice
