// One frame after the other of an anthropic stream: what it means, and the events it makes. Feeds
// both the same-dialect reader, which passes frames on as they came, and the translation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/dialect.hpp"

#include "codec/sse.hpp"
#include "dialect/anthropic/usage.hpp"

namespace sluice::dialect::anthropic {

class StreamMachine {
  public:
    // `sink` may be null: nobody wants events.
    FrameKind read(codec::SseFrame const& frame, llm::EventSink* sink);
    // The stream has ended: an error where it must have been cut.
    Result<void> finish();

    [[nodiscard]] llm::Usage const& usage() const noexcept { return usage_; }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept { return fault_; }
    [[nodiscard]] std::string_view model() const noexcept { return model_; }
    [[nodiscard]] std::string_view finish_reason() const noexcept { return finish_reason_; }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept { return content_bytes_; }
    [[nodiscard]] bool done() const noexcept { return done_; }

  private:
    struct Data {  // the members of one frame's object, as they stand
        llm::Text type;
        std::optional<std::int64_t> index;
        std::string_view message, content_block, delta, usage, error;
    };
    struct OpenBlock {
        std::int64_t index = 0;    // theirs
        std::uint32_t number = 0;  // ours
        llm::BlockKind kind = llm::BlockKind::text;
        bool is_closed_to_text = false;  // redacted thoughts: all of them is told at once
    };

    bool read_data(std::string_view data, Data& out);
    FrameKind begin(Data const& data, llm::EventSink* sink);
    FrameKind open(Data const& data, llm::EventSink* sink);
    FrameKind add(Data const& data, llm::EventSink* sink);
    FrameKind close(Data const& data, llm::EventSink* sink);
    FrameKind end(Data const& data, llm::EventSink* sink);
    FrameKind fail(Error error, llm::EventSink* sink);
    void close_open(llm::EventSink* sink);
    void end_choice(llm::Text reason, llm::Text sequence, llm::EventSink* sink);
    [[nodiscard]] bool is_open(std::optional<std::int64_t> index) const noexcept;

    UsageReader usage_reader_;
    llm::Usage usage_;
    std::optional<Error> fault_;
    std::string model_;
    std::string finish_reason_;
    std::optional<OpenBlock> open_;  // one at a time
    std::uint32_t blocks_ = 0;
    std::uint64_t content_bytes_ = 0;
    bool begun_ = false;
    bool spoke_ = false;
    bool ended_ = false;  // the choice
    bool done_ = false;
    bool had_data_ = false;
};

llm::StopReason stop_reason_of(llm::Text word) noexcept;

}  // namespace sluice::dialect::anthropic
