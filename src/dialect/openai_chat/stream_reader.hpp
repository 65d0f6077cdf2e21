// Reads a streamed answer of the openai_chat dialect. Made by open_reader; calls codec/sse and the
// scanner. Keeps an incomplete frame, the usage and a few short texts; nothing per event.
#pragma once

#include <string>

#include "sluice/dialect.hpp"

#include "codec/json_walk.hpp"
#include "codec/sse.hpp"

namespace sluice::dialect::openai {

class StreamReader final : public AnswerReader {
  public:
    explicit StreamReader(std::size_t frame_bytes_max) : framer_(frame_bytes_max) {}

    Result<void> feed(std::string_view bytes, FrameSink& sink) override;
    Result<void> finish(FrameSink& sink) override;

    [[nodiscard]] llm::Usage const& usage() const noexcept override { return usage_; }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override { return fault_; }
    [[nodiscard]] std::string_view model() const noexcept override { return model_; }
    [[nodiscard]] std::string_view finish_reason() const noexcept override {
        return finish_reason_;
    }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override { return content_bytes_; }

  private:
    // What one chunk turned out to hold.
    struct Chunk {
        bool has_choices = false;  // a choices array with at least one element
        bool speaks = false;       // text, a tool call, a finish reason
        bool has_usage = false;
        bool has_more = false;  // something else that a client may want: not to be stripped
        bool is_error = false;
    };

    FrameKind classify(codec::SseFrame const& frame);
    FrameKind kind_of(Chunk const& chunk);
    FrameKind fail(Error error);

    // Each takes the value the scanner stands at; false: the JSON is broken.
    bool read_chunk(std::string_view data, codec::JsonScanner& scan, Chunk& chunk);
    bool read_member(codec::JsonScanner& scan, std::string_view name, Chunk& chunk);
    bool read_model(codec::JsonScanner& scan);
    bool read_tier(codec::JsonScanner& scan);
    bool read_choices(codec::JsonScanner& scan, Chunk& chunk);
    bool read_choice(codec::JsonScanner& scan, Chunk& chunk);
    bool read_delta(codec::JsonScanner& scan, Chunk& chunk, std::size_t depth);
    bool read_text(codec::JsonScanner& scan, Chunk& chunk, std::size_t depth);
    bool read_groq(codec::JsonScanner& scan, Chunk& chunk);
    bool read_usage_value(codec::JsonScanner& scan, std::size_t depth, Chunk& chunk);
    bool read_error_value(codec::JsonScanner& scan, std::size_t depth, Chunk& chunk);

    codec::SseFramer framer_;
    llm::Usage usage_;
    std::optional<Error> fault_;
    std::string model_;
    std::string finish_reason_;
    std::string lead_;  // how a chunk began, up to the bracket of its choices; most begin alike
    std::uint64_t content_bytes_ = 0;
    bool spoke_ = false;
    bool done_ = false;
    bool had_data_ = false;
};

}  // namespace sluice::dialect::openai
