// A streamed answer of the anthropic dialect, in both lanes: passed on frame by frame, or as
// events.
#pragma once

#include "dialect/anthropic/stream_machine.hpp"

namespace sluice::dialect::anthropic {

// What both lanes have of the machine. `Interface`: AnswerReader or EventReader.
template <class Interface>
class OverMachine : public Interface {
  public:
    [[nodiscard]] llm::Usage const& usage() const noexcept final { return machine_.usage(); }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept final {
        return machine_.fault();
    }
    [[nodiscard]] std::string_view model() const noexcept final { return machine_.model(); }
    [[nodiscard]] std::string_view finish_reason() const noexcept final {
        return machine_.finish_reason();
    }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept final {
        return machine_.content_bytes();
    }

  protected:
    explicit OverMachine(std::size_t frame_bytes_max) : framer_(frame_bytes_max) {}

    codec::SseFramer framer_;
    StreamMachine machine_;
};

class StreamReader final : public OverMachine<AnswerReader> {
  public:
    explicit StreamReader(std::size_t frame_bytes_max) : OverMachine(frame_bytes_max) {}
    Result<void> feed(std::string_view bytes, FrameSink& sink) override;
    Result<void> finish(FrameSink& sink) override;
};

class StreamEvents final : public OverMachine<EventReader> {
  public:
    explicit StreamEvents(std::size_t frame_bytes_max) : OverMachine(frame_bytes_max) {}
    Result<void> feed(std::string_view bytes, llm::EventSink& sink) override;
    Result<void> finish(llm::EventSink& sink) override;
    [[nodiscard]] bool done() const noexcept override { return machine_.done(); }
};

}  // namespace sluice::dialect::anthropic
