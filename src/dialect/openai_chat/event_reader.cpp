#include "dialect/openai_chat/event_reader.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "codec/sse.hpp"
#include "dialect/common/upstream_error.hpp"
#include "dialect/common/walk.hpp"
#include "dialect/openai_chat/answer.hpp"
#include "dialect/openai_chat/usage.hpp"

namespace sluice::dialect::openai {
namespace {

using llm::BlockKind;
using llm::Event;
using llm::EventKind;

constexpr std::size_t choices_max = 128;
constexpr std::size_t calls_max = 1024;
constexpr std::size_t name_bytes_max = 256;

// What a delta of one choice holds, as it stands.
struct ToolDelta {
    std::optional<std::int64_t> index;
    llm::Text id, name, arguments;
};

struct ChoiceDelta {
    std::optional<std::int64_t> index;
    llm::Text content, reasoning, refusal, finish;
    std::string_view logprobs, annotations;
    std::vector<ToolDelta> calls;

    void clear() { *this = ChoiceDelta{}; }
};

// A choice so far: which block is open, which tool call it is.
struct ChoiceState {
    enum class Open { none, text, thought, refusal, call };
    Open open = Open::none;
    std::uint32_t blocks = 0;         // opened so far
    std::int64_t call_index = -1;     // of the open call, as the provider numbers them
    std::vector<std::int64_t> calls;  // indexes seen
    bool ended = false;
};

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
        if (!done_ && finish_reason_.empty()) {
            if (!had_data_) return bad_answer("no event stream");
            return cut_answer();
        }
        return {};
    }

    [[nodiscard]] llm::Usage const& usage() const noexcept override { return usage_; }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override { return fault_; }
    [[nodiscard]] std::string_view model() const noexcept override { return model_; }
    [[nodiscard]] std::string_view finish_reason() const noexcept override {
        return finish_reason_;
    }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override { return content_bytes_; }
    [[nodiscard]] bool done() const noexcept override { return done_; }

  private:
    void read(codec::SseFrame const& frame) {
        if (fault_ || frame.data.empty()) return;
        had_data_ = true;
        if (frame.data == "[DONE]") {
            done_ = true;
            return end_all();
        }
        if (frame.event == "error") return fail(read_fault(frame.data));
        JsonScanner scan(frame.data);
        scan.skip_space();
        if (scan.peek() != JsonKind::object) {
            return fail(bad_answer("an event that is no JSON object"));
        }
        if (!chunk(scan, frame.data) || !scan.expect_end()) {
            if (!fault_) fail(bad_answer("an event that is no JSON"));
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
        bool const ok = each_member(scan, [&](std::string_view name) {
            if (name == "index") return take_integer(scan, delta_.index);
            if (name == "delta" && scan.peek() == JsonKind::object) return delta(scan);
            if (name == "finish_reason") return take_text(scan, delta_.finish);
            if (name == "logprobs") return take_json_or_null(scan, delta_.logprobs);
            return scan.skip_value(2);
        });
        if (ok && !fault_) tell();
        return ok;
    }

    bool delta(JsonScanner& scan) {
        return each_member(scan, [&](std::string_view name) {
            if (name == "content") return content(scan);
            if (name == "reasoning_content" || name == "reasoning") {
                llm::Text text;
                if (!take_text(scan, text)) return false;
                if (text.exists()) delta_.reasoning = text;
                return true;
            }
            if (name == "refusal") return take_text(scan, delta_.refusal);
            if (name == "annotations") return take_json_or_null(scan, delta_.annotations);
            if (name == "tool_calls" && scan.peek() == JsonKind::array) {
                return each_element(scan, [&] { return tool_call(scan); });
            }
            return scan.skip_value(3);
        });
    }

    // A string; some send parts.
    bool content(JsonScanner& scan) {
        if (scan.peek() != JsonKind::array) return take_text(scan, delta_.content);
        return each_element(scan, [&] {
            if (scan.peek() != JsonKind::object) return scan.skip_value(4);
            return each_member(scan, [&](std::string_view name) {
                if (name == "text") return take_text(scan, delta_.content);
                return scan.skip_value(5);
            });
        });
    }

    bool tool_call(JsonScanner& scan) {
        if (scan.peek() != JsonKind::object) return scan.skip_value(4);
        auto& call = delta_.calls.emplace_back();
        return each_member(scan, [&](std::string_view name) {
            if (name == "index") return take_integer(scan, call.index);
            if (name == "id") return take_text(scan, call.id);
            if (name != "function" || scan.peek() != JsonKind::object) return scan.skip_value(5);
            return each_member(scan, [&](std::string_view inner) {
                if (inner == "name") return take_text(scan, call.name);
                if (inner == "arguments") return take_text(scan, call.arguments);
                return scan.skip_value(6);
            });
        });
    }

    void tell() {
        auto const number =
            static_cast<std::size_t>(std::max<std::int64_t>(delta_.index.value_or(0), 0));
        if (number >= choices_max) return fail(bad_answer("too many choices"));
        if (number >= choices_.size()) choices_.resize(number + 1);
        choice_ = static_cast<std::uint32_t>(number);
        auto& state = choices_[number];
        if (state.ended) return;
        if (!delta_.reasoning.is_empty())
            add_text(state, ChoiceState::Open::thought, delta_.reasoning);
        if (!delta_.content.is_empty()) add_text(state, ChoiceState::Open::text, delta_.content);
        if (!delta_.refusal.is_empty()) add_text(state, ChoiceState::Open::refusal, delta_.refusal);
        for (auto const& call : delta_.calls) add_call(state, call);
        if (!delta_.logprobs.empty()) {
            Event event = made(EventKind::delta, state);
            event.part = llm::Part::logprobs;
            event.json = delta_.logprobs;
            if (state.open == ChoiceState::Open::text) sink_->on_event(event);
        }
        if (delta_.finish.is_empty() || fault_) return;
        close(state);
        state.ended = true;
        if (finish_reason_.empty() && delta_.finish.inner().size() <= name_bytes_max) {
            finish_reason_ = llm::decoded(delta_.finish);
        }
        Event event = made(EventKind::end, state);
        event.reason = stop_reason_of(delta_.finish);
        event.native = delta_.finish.json;
        sink_->on_event(event);
    }

    // What has not said why it ended has ended all the same.
    void end_all() {
        if (choices_.empty()) return fail(bad_answer("a stream without an answer"));
        for (choice_ = 0; choice_ < choices_.size(); ++choice_) {
            auto& state = choices_[choice_];
            if (std::exchange(state.ended, true)) continue;
            close(state);
            Event event = made(EventKind::end, state);
            event.reason =
                state.calls.empty() ? llm::StopReason::stop : llm::StopReason::tool_calls;
            sink_->on_event(event);
        }
    }

    [[nodiscard]] Event made(EventKind kind, ChoiceState const& state) const noexcept {
        Event event;
        event.kind = kind;
        event.choice = choice_;
        event.block = state.blocks == 0 ? 0 : state.blocks - 1;
        return event;
    }

    static BlockKind kind_of(ChoiceState::Open open) noexcept {
        switch (open) {
            case ChoiceState::Open::thought:
                return BlockKind::thought;
            case ChoiceState::Open::refusal:
                return BlockKind::refusal;
            case ChoiceState::Open::call:
                return BlockKind::tool_call;
            default:
                return BlockKind::text;
        }
    }

    void open(ChoiceState& state, ChoiceState::Open kind, ToolDelta const* call) {
        close(state);
        state.open = kind;
        ++state.blocks;
        Event event = made(EventKind::open, state);
        event.block_kind = kind_of(kind);
        if (call) {
            event.id = call->id;
            event.name = call->name;
        }
        sink_->on_event(event);
    }

    void close(ChoiceState& state) {
        if (state.open == ChoiceState::Open::none) return;
        Event event = made(EventKind::close, state);
        event.block_kind = kind_of(state.open);
        state.open = ChoiceState::Open::none;
        sink_->on_event(event);
    }

    void add_text(ChoiceState& state, ChoiceState::Open kind, llm::Text text) {
        if (state.open != kind) open(state, kind, nullptr);
        content_bytes_ += text.inner().size();
        Event event = made(EventKind::delta, state);
        event.block_kind = kind_of(kind);
        event.text = text;
        sink_->on_event(event);
    }

    // A new index is a new call; some send whole calls without one.
    void add_call(ChoiceState& state, ToolDelta const& call) {
        bool const is_new_by_id =
            !call.index && !call.id.is_empty() && state.open != ChoiceState::Open::call;
        auto const index = call.index.value_or(is_new_by_id || call.id.exists()
                                                   ? static_cast<std::int64_t>(state.calls.size())
                                                   : state.call_index);
        bool const goes_on = state.open == ChoiceState::Open::call && state.call_index == index;
        if (!goes_on) {
            bool const is_known =
                std::find(state.calls.begin(), state.calls.end(), index) != state.calls.end();
            if (is_known || state.calls.size() >= calls_max) {
                return fail(bad_answer("fragments of several tool calls are mixed"));
            }
            state.calls.push_back(index);
            state.call_index = index;
            open(state, ChoiceState::Open::call, &call);
        }
        content_bytes_ += call.arguments.inner().size();
        if (call.arguments.is_empty()) return;
        Event event = made(EventKind::delta, state);
        event.part = llm::Part::arguments;
        event.block_kind = BlockKind::tool_call;
        event.text = call.arguments;
        sink_->on_event(event);
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
    std::vector<ChoiceState> choices_;
    ChoiceDelta delta_;
    std::uint32_t choice_ = 0;
    std::uint64_t content_bytes_ = 0;
    bool begun_ = false;
    bool done_ = false;
    bool had_data_ = false;
};

}  // namespace

std::unique_ptr<EventReader> open_events(std::size_t frame_bytes_max) {
    return std::make_unique<Reader>(frame_bytes_max);
}

}  // namespace sluice::dialect::openai
