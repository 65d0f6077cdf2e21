#include "dialect/common/translator.hpp"

#include "dialect/common/answer_note.hpp"
#include "dialect/common/collect.hpp"
#include "dialect/common/explode.hpp"
#include "dialect/common/upstream_error.hpp"

namespace sluice::dialect {
namespace {

Error too_large() {
    return upstream_error(ErrorCode::response_too_large, Retry::next, 502,
                          "the provider's answer is too large to be translated");
}

// Notes what passes to the writer: whether the answer has spoken.
class Watch final : public llm::EventSink {
  public:
    explicit Watch(llm::EventSink& next) : next_(next) {}
    void on_event(llm::Event const& event) override {
        using llm::EventKind;
        has_spoken_ =
            has_spoken_ || (event.kind != EventKind::begin && event.kind != EventKind::usage &&
                            event.kind != EventKind::fault);
        next_.on_event(event);
    }
    [[nodiscard]] bool has_spoken() const noexcept { return has_spoken_; }

  private:
    llm::EventSink& next_;
    bool has_spoken_ = false;
};

// Provider streams; the caller has a stream, or the whole of it.
class StreamTranslator final : public AnswerReader {
  public:
    StreamTranslator(ChatMachines const& from, ChatMachines const& to, TranslationOptions options,
                     Losses& losses)
        : to_(to),
          options_(std::move(options)),
          losses_(losses),
          reader_(from.open_events(options_.frame_bytes_max)),
          writer_(options_.to_stream ? to.open_writer(options_.writer) : nullptr),
          collector_(options_.body_bytes_max),
          watch_(writer_ ? static_cast<llm::EventSink&>(*writer_) : collector_) {}

    Result<void> feed(std::string_view bytes, FrameSink& sink) override {
        auto fed = reader_->feed(bytes, watch_);
        if (!fed) return fed;
        if (collector_.overflowed()) return too_large();
        if (reader_->done()) conclude();
        flush(sink);
        return {};
    }

    Result<void> finish(FrameSink& sink) override {
        auto finished = reader_->finish(watch_);
        if (!finished) return finished;
        conclude();
        flush(sink);
        return {};
    }

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
    // All has come. Once.
    void conclude() {
        if (concluded_ || reader_->fault()) return;
        concluded_ = true;
        if (writer_) {
            writer_->finish();
        } else {
            whole_ = to_.write_answer(collector_.take(), options_.writer, losses_);
        }
    }

    void flush(FrameSink& sink) {
        auto& out = writer_ ? writer_->out : whole_;
        if (out.empty()) return;
        auto const kind = reader_->fault()      ? FrameKind::fault
                          : concluded_          ? FrameKind::done
                          : watch_.has_spoken() ? FrameKind::content
                                                : FrameKind::begin;
        sink.on_frame({kind, out});
        out.clear();
    }

    ChatMachines const& to_;
    TranslationOptions options_;
    Losses& losses_;
    std::unique_ptr<EventReader> reader_;
    std::unique_ptr<EventWriter> writer_;  // null: the caller wants the whole
    Collector collector_;
    Watch watch_;
    std::string whole_;
    bool concluded_ = false;
};

// The provider answers whole; the caller has it whole, or as a stream.
class WholeTranslator final : public AnswerReader {
  public:
    WholeTranslator(ChatMachines const& from, ChatMachines const& to, TranslationOptions options,
                    Losses& losses)
        : from_(from), to_(to), options_(std::move(options)), losses_(losses) {}

    Result<void> feed(std::string_view bytes, FrameSink&) override {
        if (body_.size() + bytes.size() > options_.body_bytes_max) return too_large();
        body_ += bytes;
        return {};
    }

    Result<void> finish(FrameSink& sink) override {
        auto answer = from_.read_answer(body_);
        if (!answer) {
            fault_ = std::move(answer).error();
            return {};
        }
        usage_ = answer->usage;
        note_.take(*answer);
        std::string out;
        if (options_.to_stream) {
            auto writer = to_.open_writer(options_.writer);
            explode(*answer, *writer);
            writer->finish();
            out = std::move(writer->out);
        } else {
            out = to_.write_answer(*answer, options_.writer, losses_);
        }
        sink.on_frame({FrameKind::done, out});
        return {};
    }

    [[nodiscard]] llm::Usage const& usage() const noexcept override { return usage_; }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override { return fault_; }
    [[nodiscard]] std::string_view model() const noexcept override { return note_.model; }
    [[nodiscard]] std::string_view finish_reason() const noexcept override {
        return note_.finish_reason;
    }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override {
        return note_.content_bytes;
    }

  private:
    ChatMachines const& from_;
    ChatMachines const& to_;
    TranslationOptions options_;
    Losses& losses_;
    std::string body_;
    llm::Usage usage_;
    std::optional<Error> fault_;
    AnswerNote note_;
};

}  // namespace

std::unique_ptr<AnswerReader> open_translator(ChatMachines const& from, ChatMachines const& to,
                                              TranslationOptions options, Losses& losses) {
    options.writer.losses = &losses;
    if (options.from_stream) {
        return std::make_unique<StreamTranslator>(from, to, std::move(options), losses);
    }
    return std::make_unique<WholeTranslator>(from, to, std::move(options), losses);
}

}  // namespace sluice::dialect
