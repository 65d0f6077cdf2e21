// Guards an answer on its way to the caller: an AnswerReader around the one that reads it, in the
// caller's dialect on both lanes. Streams pass frame by frame, each channel through its filter; a
// whole answer is held until its end. Made by engine/lane where a guard of responses applies.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sluice/dialect.hpp"

#include "codec/sse.hpp"
#include "guard/filter.hpp"

namespace sluice::guard {

struct AnswerGuardOptions {
    bool streamed = false;  // what the caller gets
    std::size_t frame_bytes_max = 1 << 20;
    std::size_t body_bytes_max = 64 << 20;  // of a whole answer
    std::size_t body_bytes_expected = 0;    // of it, where its head has told
};

class AnswerGuard final : public AnswerReader, public InBlock, private FrameSink {
  public:
    // `run` and `texts` outlive it.
    AnswerGuard(std::unique_ptr<AnswerReader> reader, AnswerTexts const& texts, GuardRun& run,
                AnswerGuardOptions options);
    ~AnswerGuard() override;

    Result<void> feed(std::string_view bytes, FrameSink& sink) override;
    Result<void> finish(FrameSink& sink) override;
    Result<void> read_whole(std::string_view bytes, FrameSink& sink) override;

    // The answer may not go on. In a stream its end has come out as frames; of a whole answer,
    // nothing.
    [[nodiscard]] bool has_blocked() const noexcept { return blocked_; }
    [[nodiscard]] Error error() const { return run_.error(Way::response); }

    // Most bytes that any channel held back after a frame, and the frames after which it held some.
    struct Held {
        std::size_t bytes_max = 0;
        std::uint64_t frames = 0;
        std::size_t now = 0;
    };
    [[nodiscard]] Held const& held() const noexcept { return held_; }

    [[nodiscard]] llm::Usage const& usage() const noexcept override { return reader_->usage(); }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override {
        return reader_->fault();
    }
    [[nodiscard]] std::string_view model() const noexcept override { return reader_->model(); }
    [[nodiscard]] std::string_view finish_reason() const noexcept override {
        return reader_->finish_reason();
    }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override {
        return reader_->content_bytes();
    }

  private:
    struct Channel;

    void on_frame(Frame const& frame) override;
    void keep(std::string_view raw);
    Result<void> check_whole(std::string_view body, FrameSink& sink);
    void on_fault(Frame const& frame);
    void on_event(codec::SseFrame const& event);
    bool on_texts(codec::SseFrame const& event);
    bool read_texts(std::string_view data);
    [[nodiscard]] bool is_as_before(std::string_view data);
    void note_shape(std::string_view data);
    bool on_place(TextPlace const& place, std::string_view data, Patches& patches);
    [[nodiscard]] bool closes(TextPlace const& place) const noexcept;
    bool flush(TextUnit const* unit);
    bool flush(Channel& channel);
    void note_units();
    void write(codec::SseFrame const& event, Patches& patches);
    void end_blocked(std::string_view place);
    Channel* find_channel(TextPlace const& place);

    std::unique_ptr<AnswerReader> reader_;
    AnswerTexts const& texts_;
    GuardRun& run_;
    Rules const& rules_;
    AnswerGuardOptions options_;
    codec::SseFramer framer_;
    FrameSink* sink_ = nullptr;  // during a call
    std::vector<std::unique_ptr<Channel>> channels_;
    std::vector<TextUnit> open_;
    EventTexts event_;
    // What stood around the one text of the event in event_; "": it is none that says one text
    // only.
    std::string before_text_;
    std::string behind_text_;
    std::string lead_;
    std::string decoded_;  // scratch: the text at hand
    std::string text_;     // scratch: what of it goes on
    std::string out_;      // of the frame at hand
    std::string body_;     // of a whole answer
    // During read_whole(): what was given, and what of it goes on as the answer.
    std::string_view given_;
    std::string_view given_body_;
    Held held_;
    bool changed_ = false;  // the frame at hand
    bool blocked_ = false;
    bool too_large_ = false;
};

}  // namespace sluice::guard
