// The table of the anthropic dialect.
#include "dialect/anthropic/anthropic.hpp"

#include "dialect/anthropic/answer.hpp"
#include "dialect/anthropic/error.hpp"
#include "dialect/anthropic/event_writer.hpp"
#include "dialect/anthropic/losses.hpp"
#include "dialect/anthropic/read_chat.hpp"
#include "dialect/anthropic/request.hpp"
#include "dialect/anthropic/stream_reader.hpp"
#include "dialect/anthropic/usage.hpp"
#include "dialect/anthropic/write_chat.hpp"
#include "dialect/common/unary_reader.hpp"
#include "dialect/common/upstream_error.hpp"

namespace sluice::dialect {
namespace {

void read_usage(std::string_view object, llm::Usage& usage) {
    anthropic::UsageReader().take(object, usage);
}

constexpr UnaryShape unary_shape{"content", "type", "stop_reason", 1, read_usage};

std::unique_ptr<AnswerReader> open_reader(ReaderOptions const& options) {
    if (options.streamed) {
        return std::make_unique<anthropic::StreamReader>(options.frame_bytes_max);
    }
    return std::make_unique<UnaryReader>(unary_shape);
}

std::unique_ptr<EventReader> open_events(std::size_t frame_bytes_max) {
    return std::make_unique<anthropic::StreamEvents>(frame_bytes_max);
}

ChatMachines const machines{anthropic::read_chat,
                            anthropic::write_chat,
                            anthropic::read_answer,
                            anthropic::write_answer,
                            open_events,
                            anthropic::open_writer,
                            anthropic::request_losses(),
                            anthropic::answer_losses()};

Codec const chat{
    "/messages", anthropic::read_request, anthropic::patch_request, open_reader, &machines, true};

constexpr std::string_view own_headers[] = {"anthropic-version", "anthropic-beta",
                                            "anthropic-dangerous-direct-browser-access"};

Dialect const table{"anthropic",
                    {&chat, nullptr, nullptr},
                    anthropic::write_error,
                    anthropic::write_stream_error,
                    read_error,
                    own_headers,
                    "anthropic-version",
                    "2023-06-01"};

}  // namespace

Dialect const& anthropic_messages() { return table; }

}  // namespace sluice::dialect
