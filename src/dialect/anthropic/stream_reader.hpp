// A streamed answer of the anthropic dialect, in both lanes: passed on frame by frame, or as
// events.
#pragma once

#include "dialect/anthropic/stream_machine.hpp"

namespace sluice::dialect::anthropic {

class StreamReader final : public AnswerReader {
  public:
    explicit StreamReader(std::size_t frame_bytes_max) : framer_(frame_bytes_max) {}
    Result<void> feed(std::string_view bytes, FrameSink& sink) override;
    Result<void> finish(FrameSink& sink) override;
    [[nodiscard]] llm::Usage const& usage() const noexcept override { return machine_.usage(); }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override {
        return machine_.fault();
    }
    [[nodiscard]] std::string_view model() const noexcept override { return machine_.model(); }
    [[nodiscard]] std::string_view finish_reason() const noexcept override {
        return machine_.finish_reason();
    }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override {
        return machine_.content_bytes();
    }

  private:
    codec::SseFramer framer_;
    StreamMachine machine_;
};

class StreamEvents final : public EventReader {
  public:
    explicit StreamEvents(std::size_t frame_bytes_max) : framer_(frame_bytes_max) {}
    Result<void> feed(std::string_view bytes, llm::EventSink& sink) override;
    Result<void> finish(llm::EventSink& sink) override;
    [[nodiscard]] llm::Usage const& usage() const noexcept override { return machine_.usage(); }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override {
        return machine_.fault();
    }
    [[nodiscard]] std::string_view model() const noexcept override { return machine_.model(); }
    [[nodiscard]] std::string_view finish_reason() const noexcept override {
        return machine_.finish_reason();
    }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override {
        return machine_.content_bytes();
    }
    [[nodiscard]] bool done() const noexcept override { return machine_.done(); }

  private:
    codec::SseFramer framer_;
    StreamMachine machine_;
};

}  // namespace sluice::dialect::anthropic
