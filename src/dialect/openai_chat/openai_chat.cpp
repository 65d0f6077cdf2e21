// The table of the openai_chat dialect.
#include "dialect/openai_chat/openai_chat.hpp"

#include "dialect/common/request_walk.hpp"
#include "dialect/common/unary_reader.hpp"
#include "dialect/common/upstream_error.hpp"
#include "dialect/openai_chat/answer.hpp"
#include "dialect/openai_chat/error.hpp"
#include "dialect/openai_chat/event_reader.hpp"
#include "dialect/openai_chat/event_writer.hpp"
#include "dialect/openai_chat/losses.hpp"
#include "dialect/openai_chat/models.hpp"
#include "dialect/openai_chat/rate_limits.hpp"
#include "dialect/openai_chat/read_chat.hpp"
#include "dialect/openai_chat/request.hpp"
#include "dialect/openai_chat/stream_reader.hpp"
#include "dialect/openai_chat/texts.hpp"
#include "dialect/openai_chat/usage.hpp"
#include "dialect/openai_chat/write_chat.hpp"

namespace sluice::dialect {

namespace {

bool read_usage(codec::JsonScanner& scan, std::size_t depth, llm::Usage& usage) {
    return openai::walk_usage(scan, depth, UnaryShape::value_bytes_max, usage);
}

constexpr UnaryShape unary_shape{"choices", "object", "finish_reason", 3, read_usage};

std::unique_ptr<AnswerReader> open_reader(ReaderOptions const& options) {
    if (options.streamed) {
        return std::make_unique<openai::StreamReader>(options.frame_bytes_max);
    }
    return std::make_unique<UnaryReader>(unary_shape);
}

ChatMachines const machines{openai::read_chat,        openai::write_chat,     openai::read_answer,
                            openai::write_answer,     openai::open_events,    openai::open_writer,
                            openai::request_losses(), openai::answer_losses()};

Codec const chat{"/chat/completions",
                 openai::read_request,
                 openai::patch_streaming,
                 open_reader,
                 &machines,
                 false,
                 &openai::answer_texts(),
                 openai::patch_output_max};
Codec const complete{
    "/completions", openai::read_request,    openai::patch_streaming, open_reader, nullptr,
    false,          &openai::answer_texts(), openai::patch_output_max};
constexpr Codec embed{"/embeddings", openai::read_request, patch_model, open_reader};

Dialect const table{"openai_chat",
                    {&chat, &complete, &embed},
                    openai::write_error,
                    openai::write_stream_error,
                    read_error,
                    {},
                    {},
                    {},
                    {},
                    503,
                    openai::write_models,
                    openai::write_model,
                    openai::add_rate_limits};

}  // namespace

Dialect const& openai_chat() { return table; }

}  // namespace sluice::dialect
