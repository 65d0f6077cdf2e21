#include "dialect/common/fan_in.hpp"

#include <algorithm>

#include "dialect/common/answer_note.hpp"
#include "dialect/common/explode.hpp"
#include "dialect/common/upstream_error.hpp"

namespace sluice::dialect {
namespace {

Error too_large() {
    return upstream_error(ErrorCode::response_too_large, Retry::next, 502,
                          "the provider's answers are too large to be put together");
}

void add(llm::Usage& sum, llm::Usage const& one) {
    sum.input += one.input;
    sum.cache_read += one.cache_read;
    sum.cache_write += one.cache_write;
    sum.cache_write_1h += one.cache_write_1h;
    sum.audio_input += one.audio_input;
    sum.output += one.output;
    sum.reasoning += one.reasoning;
    sum.audio_output += one.audio_output;
    if (sum.service_tier.empty()) sum.service_tier = one.service_tier;
    sum.reported = sum.reported || one.reported;
    sum.is_open = sum.is_open || one.is_open;
}

}  // namespace

// One answer: its events go on as those of its choice.
class FanIn::One final : public llm::EventSink {
  public:
    One(FanIn& all, std::size_t choice, std::unique_ptr<EventReader> reader)
        : all_(all), choice_(choice), reader_(std::move(reader)) {}

    void on_event(llm::Event const& event) override {
        ended_ = ended_ || event.kind == llm::EventKind::end;
        if (event.kind == llm::EventKind::usage) usage_ = *event.usage;
        all_.on_event(choice_, event);
    }

    Result<void> feed(std::string_view bytes) {
        if (reader_) return reader_->feed(bytes, *this);
        body_ += bytes;
        return {};
    }

    // Error or fault: as the reader's.
    Result<void> finish(ChatMachines const& from, std::optional<Error>& fault) {
        if (reader_) return reader_->finish(*this);
        auto answer = from.read_answer(body_);
        if (!answer) {
            fault = std::move(answer).error();
            return {};
        }
        note.take(*answer);
        explode(*answer, *this);
        return {};
    }

    // An answer that said nothing at all is a choice all the same.
    void end() {
        if (ended_) return;
        llm::Event event;
        event.kind = llm::EventKind::end;
        event.reason = llm::StopReason::stop;
        on_event(event);
    }

    [[nodiscard]] bool is_done() const noexcept { return reader_ && reader_->done(); }
    [[nodiscard]] EventReader const* reader() const noexcept { return reader_.get(); }
    [[nodiscard]] llm::Usage const& usage() const noexcept { return usage_; }

    [[nodiscard]] Seen seen() const {
        if (!reader_) return {usage_, note.model, note.finish_reason, note.content_bytes, ended_};
        return {reader_->usage(), std::string{reader_->model()},
                std::string{reader_->finish_reason()}, reader_->content_bytes(), ended_};
    }

    AnswerNote note;  // of an answer that came whole

  private:
    FanIn& all_;
    std::size_t choice_;
    std::unique_ptr<EventReader> reader_;  // null: it comes whole
    std::string body_;
    llm::Usage usage_;
    bool ended_ = false;
};

FanIn::FanIn(ChatMachines const& from, ChatMachines const& to, TranslationOptions options,
             std::vector<bool> const& from_stream, Losses& losses)
    : from_(from),
      to_(to),
      options_(std::move(options)),
      losses_(losses),
      collector_(options_.body_bytes_max) {
    options_.writer.losses = &losses;
    if (options_.to_stream) writer_ = to.open_writer(options_.writer);
    for (bool const is_stream : from_stream) {
        answers_.push_back(std::make_unique<One>(
            *this, answers_.size(),
            is_stream ? from.open_events(options_.frame_bytes_max) : nullptr));
    }
}

FanIn::~FanIn() = default;

Result<void> FanIn::feed(std::string_view bytes, FrameSink& sink) {
    if (fault_ || turn_ >= answers_.size()) return {};
    auto& one = *answers_[turn_];
    if (!one.reader()) {
        body_bytes_ += bytes.size();
        if (body_bytes_ > options_.body_bytes_max) return too_large();
    }
    auto fed = one.feed(bytes);
    if (!fed) return fed;
    if (collector_.overflowed()) return too_large();
    bool const all_done = std::all_of(answers_.begin(), answers_.end(),
                                      [](auto const& each) { return each->is_done(); });
    if (all_done) conclude();
    flush(sink);
    return {};
}

Result<void> FanIn::finish(FrameSink& sink) {
    for (auto const& one : answers_) {
        if (fault_ || concluded_) break;
        std::optional<Error> fault;
        auto finished = one->finish(from_, fault);
        if (!finished) return finished;
        if (fault) tell(*fault);
    }
    if (collector_.overflowed()) return too_large();
    conclude();
    flush(sink);
    return {};
}

// The answers begin one after the other, but there is one beginning; their usage is summed.
void FanIn::on_event(std::size_t choice, llm::Event const& event) {
    using llm::EventKind;
    if (fault_) return;
    auto told = event;
    switch (event.kind) {
        case EventKind::begin:
            if (has_begun_) return;
            has_begun_ = true;
            break;
        case EventKind::usage:
            usage_ = {};
            for (auto const& one : answers_) add(usage_, one->usage());
            told.usage = &usage_;
            break;
        case EventKind::fault:
            fault_ = *event.error;
            break;
        default:
            if (event.choice != 0) return;  // one was asked for
            has_spoken_ = true;
            told.choice = static_cast<std::uint32_t>(choice);
    }
    writer_ ? writer_->on_event(told) : collector_.on_event(told);
}

// One of the answers is none, which only its end has shown.
void FanIn::tell(Error const& error) {
    fault_ = error;
    if (!has_spoken_ || !writer_) return;
    llm::Event event;
    event.kind = llm::EventKind::fault;
    event.error = &error;
    writer_->on_event(event);
}

// All has come. Once.
void FanIn::conclude() {
    if (concluded_ || fault_) return;
    concluded_ = true;
    for (auto const& one : answers_) one->end();
    if (writer_) {
        writer_->finish();
    } else {
        whole_ = to_.write_answer(collector_.take(), options_.writer, losses_);
    }
}

void FanIn::flush(FrameSink& sink) {
    auto& out = writer_ ? writer_->out : whole_;
    if (out.empty()) return;
    auto const kind = fault_        ? FrameKind::fault
                      : concluded_  ? FrameKind::done
                      : has_spoken_ ? FrameKind::content
                                    : FrameKind::begin;
    sink.on_frame({kind, out});
    out.clear();
}

FanIn::Seen FanIn::seen(std::size_t choice) const { return answers_[choice]->seen(); }

std::string_view FanIn::model() const noexcept {
    auto const& first = *answers_.front();
    return first.reader() ? first.reader()->model() : std::string_view{first.note.model};
}

std::string_view FanIn::finish_reason() const noexcept {
    auto const& first = *answers_.front();
    return first.reader() ? first.reader()->finish_reason()
                          : std::string_view{first.note.finish_reason};
}

std::uint64_t FanIn::content_bytes() const noexcept {
    std::uint64_t sum = 0;
    for (auto const& one : answers_) {
        sum += one->reader() ? one->reader()->content_bytes() : one->note.content_bytes;
    }
    return sum;
}

}  // namespace sluice::dialect
