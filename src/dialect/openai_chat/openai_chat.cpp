// The table of the openai_chat dialect.
#include "dialect/openai_chat/openai_chat.hpp"

#include "dialect/openai_chat/error.hpp"
#include "dialect/openai_chat/request.hpp"
#include "dialect/openai_chat/stream_reader.hpp"
#include "dialect/openai_chat/unary_reader.hpp"

namespace sluice::dialect {

namespace {

std::unique_ptr<AnswerReader> open_reader(ReaderOptions const& options) {
    if (options.streamed) {
        return std::make_unique<openai::StreamReader>(options.frame_bytes_max);
    }
    return std::make_unique<openai::UnaryReader>();
}

constexpr Codec chat{"/chat/completions", openai::read_request, openai::patch_streaming,
                     open_reader};
constexpr Codec complete{"/completions", openai::read_request, openai::patch_streaming,
                         open_reader};
constexpr Codec embed{"/embeddings", openai::read_request, openai::patch_model, open_reader};

constexpr Dialect table{"openai_chat",
                        {&chat, &complete, &embed},
                        openai::write_error,
                        openai::write_stream_error,
                        openai::read_error};

}  // namespace

Dialect const& openai_chat() { return table; }

}  // namespace sluice::dialect
