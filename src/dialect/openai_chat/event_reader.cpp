#include "dialect/openai_chat/event_reader.hpp"

#include <algorithm>
#include <vector>

#include "codec/sse.hpp"
#include "dialect/common/upstream_error.hpp"
#include "dialect/common/walk.hpp"
#include "dialect/openai_chat/choice_events.hpp"
#include "dialect/openai_chat/usage.hpp"

namespace sluice::dialect::openai {
namespace {

using llm::Event;
using llm::EventKind;

constexpr std::size_t choices_max = 128;
constexpr std::size_t name_bytes_max = 256;

class Reader final : public EventReader {
  public:
    explicit Reader(std::size_t frame_bytes_max) : framer_(frame_bytes_max) {}

    Result<void> feed(std::string_view bytes, llm::EventSink& sink) override {
        sink_ = &sink;
        bool const fits =
            framer_.feed(bytes, [this](codec::SseFrame const& frame) { read(frame); });
        if (fits) return {};
        return upstream_error(ErrorCode::response_too_large, Retry::next, 502,
                              "one event of the provider's stream is too large");
    }

    Result<void> finish(llm::EventSink& sink) override {
        sink_ = &sink;
        codec::SseFrame frame;
        bool ended = false;
        bool const has_tail = framer_.finish(frame, ended);
        bool const is_whole = has_tail && frame.has_data &&
                              (ended || frame.data == "[DONE]" || codec::is_json(frame.data));
        if (is_whole) read(frame);
        if (fault_) return {};
        if (done_) return {};
        if (!had_data_) return bad_answer("no event stream");
        // Some say no [DONE]: every choice has had its end all the same.
        bool const is_cut = std::any_of(choices_.begin(), choices_.end(), [](auto const& choice) {
            return choice.has_begun() && !choice.has_ended();
        });
        if (is_cut || finish_reason_.empty()) return cut_answer();
        return {};
    }

    [[nodiscard]] llm::Usage const& usage() const noexcept override { return usage_; }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override { return fault_; }
    [[nodiscard]] std::string_view model() const noexcept override { return model_; }
    [[nodiscard]] std::string_view finish_reason() const noexcept override {
        return finish_reason_;
    }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override {
        std::uint64_t bytes = 0;
        for (auto const& choice : choices_) bytes += choice.content_bytes();
        return bytes;
    }
    [[nodiscard]] bool done() const noexcept override { return done_; }

  private:
    void read(codec::SseFrame const& frame) {
        if (fault_ || done_ || frame.data.empty()) return;
        had_data_ = true;
        if (frame.data == "[DONE]") return conclude();
        if (frame.event == "error") return fail(read_fault(frame.data));
        JsonScanner scan(frame.data);
        scan.skip_space();
        if (scan.peek() != JsonKind::object || !codec::is_valid_utf8(frame.data)) {
            return fail(bad_answer("an event that is no JSON object"));
        }
        if (!chunk(scan, frame.data) || !scan.expect_end()) {
            if (!fault_) fail(bad_answer("an event that is no JSON"));
        }
    }

    // The end mark; a choice that has not been ended before is ended here.
    void conclude() {
        done_ = true;
        if (choices_.empty()) return fail(bad_answer("a stream without an answer"));
        for (auto& choice : choices_) {
            if (choice.has_begun() && !choice.has_ended()) choice.end({}, *sink_);
        }
    }

    bool chunk(JsonScanner& scan, std::string_view data) {
        llm::Text id, model, tier;
        std::string_view error, usage, choices;
        bool const ok = each_member(scan, [&](std::string_view name) {
            switch (name.size()) {
                case 2:
                    if (name == "id") return take_text(scan, id);
                    break;
                case 5:
                    if (name == "model") return take_text(scan, model);
                    if (name == "error") return take_json_or_null(scan, error);
                    if (name == "usage") return take_json_or_null(scan, usage);
                    break;
                case 7:
                    if (name == "choices") return take_json_or_null(scan, choices);
                    break;
                case 12:
                    if (name == "service_tier") return take_text(scan, tier);
                    break;
                default:
                    break;
            }
            return scan.skip_value(1);
        });
        if (!ok) return false;
        if (!error.empty()) {
            fail(read_fault(data));
            return true;
        }
        begin(id, model);
        if (tier.exists() && tier.inner().size() <= 32) usage_.service_tier = tier.inner();
        if (!choices.empty() && choices.front() == '[') {
            JsonScanner inner(choices);
            if (!each_element(inner, [&] { return choice(inner); })) return false;
        }
        if (!usage.empty() && !fault_) {
            read_usage(usage, usage_);
            Event event;
            event.kind = EventKind::usage;
            event.usage = &usage_;
            sink_->on_event(event);
        }
        return true;
    }

    void begin(llm::Text id, llm::Text model) {
        if (begun_) return;
        begun_ = true;
        if (model.inner().size() <= name_bytes_max) model_ = llm::decoded(model);
        Event event;
        event.kind = EventKind::begin;
        if (!id.is_empty()) event.id = id;
        if (!model.is_empty()) event.model = model;
        sink_->on_event(event);
    }

    bool choice(JsonScanner& scan) {
        if (scan.peek() != JsonKind::object) return scan.skip_value(1);
        delta_.clear();
        if (!read_choice_delta(scan, delta_)) return false;
        if (!fault_) tell();
        return true;
    }

    void tell() {
        auto const number =
            static_cast<std::size_t>(std::max<std::int64_t>(delta_.index.value_or(0), 0));
        if (number >= choices_max) return fail(bad_answer("too many choices"));
        while (number >= choices_.size()) {
            choices_.emplace_back(static_cast<std::uint32_t>(choices_.size()));
        }
        if (finish_reason_.empty() && delta_.finish.inner().size() <= name_bytes_max) {
            finish_reason_ = llm::decoded(delta_.finish);
        }
        if (auto taken = choices_[number].take(delta_, *sink_); !taken) {
            fail(std::move(taken).error());
        }
    }

    void fail(Error error) {
        if (fault_) return;
        fault_ = std::move(error);
        Event event;
        event.kind = EventKind::fault;
        event.error = &*fault_;
        sink_->on_event(event);
    }

    codec::SseFramer framer_;
    llm::EventSink* sink_ = nullptr;  // during a call
    llm::Usage usage_;
    std::optional<Error> fault_;
    std::string model_;
    std::string finish_reason_;
    std::vector<ChoiceEvents> choices_;
    ChoiceDelta delta_;
    bool begun_ = false;
    bool done_ = false;
    bool had_data_ = false;
};

}  // namespace

std::unique_ptr<EventReader> open_events(std::size_t frame_bytes_max) {
    return std::make_unique<Reader>(frame_bytes_max);
}

}  // namespace sluice::dialect::openai
