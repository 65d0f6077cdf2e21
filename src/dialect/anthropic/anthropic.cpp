// The table of the anthropic dialect.
#include "dialect/anthropic/anthropic.hpp"

#include "dialect/anthropic/answer.hpp"
#include "dialect/anthropic/error.hpp"
#include "dialect/anthropic/event_writer.hpp"
#include "dialect/anthropic/losses.hpp"
#include "dialect/anthropic/models.hpp"
#include "dialect/anthropic/rate_limits.hpp"
#include "dialect/anthropic/read_chat.hpp"
#include "dialect/anthropic/request.hpp"
#include "dialect/anthropic/stream_reader.hpp"
#include "dialect/anthropic/texts.hpp"
#include "dialect/anthropic/usage.hpp"
#include "dialect/anthropic/write_chat.hpp"
#include "dialect/common/request_walk.hpp"
#include "dialect/common/unary_reader.hpp"
#include "dialect/common/upstream_error.hpp"

namespace sluice::dialect {
namespace {

bool read_usage(codec::JsonScanner& scan, std::size_t depth, llm::Usage& usage) {
    auto const from = scan.offset();
    if (!scan.skip_value(depth)) return false;
    auto const value = scan.since(from);
    if (value.size() <= UnaryShape::value_bytes_max && codec::is_valid_utf8(value)) {
        anthropic::UsageReader().take(value, usage);
    }
    return true;
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
                            anthropic::answer_losses(),
                            false};

Codec const chat{"/messages", anthropic::read_request,   patch_model, open_reader, &machines,
                 true,        &anthropic::answer_texts()};

constexpr std::string_view own_headers[] = {"anthropic-version", "anthropic-beta",
                                            "anthropic-dangerous-direct-browser-access"};

// Counts tokens: the answer is one number and nothing was used.
class CountReader final : public AnswerReader {
  public:
    CountReader() : unary_(count_shape) { usage_.reported = true; }
    Result<void> feed(std::string_view bytes, FrameSink& sink) override {
        return unary_.feed(bytes, sink);
    }
    Result<void> finish(FrameSink& sink) override { return unary_.finish(sink); }
    [[nodiscard]] llm::Usage const& usage() const noexcept override { return usage_; }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override {
        return unary_.fault();
    }
    [[nodiscard]] std::string_view model() const noexcept override { return {}; }
    [[nodiscard]] std::string_view finish_reason() const noexcept override { return {}; }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override { return 0; }

  private:
    static constexpr UnaryShape count_shape{"", "type", "", 1, read_usage};
    UnaryReader unary_;
    llm::Usage usage_;
};

Codec const count{"/messages/count_tokens",
                  anthropic::read_count_request,
                  patch_model,
                  [](ReaderOptions const&) -> std::unique_ptr<AnswerReader> {
                      return std::make_unique<CountReader>();
                  },
                  nullptr,
                  true};

Dialect const table{"anthropic",
                    {&chat, nullptr, nullptr, &count},
                    anthropic::write_error,
                    anthropic::write_stream_error,
                    read_error,
                    own_headers,
                    "anthropic-version",
                    "2023-06-01",
                    "request-id",
                    529,
                    anthropic::write_models,
                    anthropic::write_model,
                    anthropic::add_rate_limits};

}  // namespace

Dialect const& anthropic_messages() { return table; }

}  // namespace sluice::dialect
