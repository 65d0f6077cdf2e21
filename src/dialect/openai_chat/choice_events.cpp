#include "dialect/openai_chat/choice_events.hpp"

#include "dialect/common/upstream_error.hpp"
#include "dialect/openai_chat/annotation.hpp"
#include "dialect/openai_chat/answer.hpp"

namespace sluice::dialect::openai {

using llm::BlockKind;
using llm::Event;
using llm::EventKind;

Result<void> ChoiceEvents::take(ChoiceDelta const& delta, llm::EventSink& sink) {
    has_begun_ = true;
    if (has_ended_) return {};
    bool has_detail = false;
    for (auto const& detail : delta.thoughts) {
        has_detail = has_detail || !detail.text.is_empty();
        add_thought(detail, sink);
    }
    // Beside the details it says the same again.
    if (!has_detail && !delta.reasoning.is_empty()) {
        add_text(BlockKind::thought, delta.reasoning, sink);
    }
    for (auto const text : delta.contents) add_text(BlockKind::text, text, sink);
    if (!delta.refusal.is_empty()) {
        has_refusal_ = true;
        add_text(BlockKind::refusal, delta.refusal, sink);
    }
    bool const is_text =
        is_open_ && (open_kind_ == BlockKind::text || open_kind_ == BlockKind::refusal);
    if (is_text && !delta.logprobs.empty()) {
        auto event = made(EventKind::delta);
        event.part = llm::Part::logprobs;
        event.json = delta.logprobs;
        sink.on_event(event);
    }
    if (is_text && !delta.annotations.empty()) {
        each_annotation(delta.annotations, [&](llm::Citation const& citation) {
            auto event = made(EventKind::delta);
            event.part = llm::Part::citation;
            event.citation = &citation;
            sink.on_event(event);
        });
    }
    for (auto const& call : delta.calls) {
        if (auto added = add_call(call, sink); !added) return added;
    }
    if (!delta.finish.is_empty()) end(delta.finish, sink);
    return {};
}

void ChoiceEvents::end(llm::Text finish, llm::EventSink& sink) {
    advance(true, sink);
    close(sink);
    has_begun_ = has_ended_ = true;
    auto event = made(EventKind::end);
    event.reason = stop_reason_with(stop_reason_of(finish), next_call_ > 0, has_refusal_);
    event.native = finish.json;
    sink.on_event(event);
}

Event ChoiceEvents::made(EventKind kind) const noexcept {
    Event event;
    event.kind = kind;
    event.choice = number_;
    event.block = blocks_ == 0 ? 0 : blocks_ - 1;
    event.block_kind = open_kind_;
    return event;
}

void ChoiceEvents::close(llm::EventSink& sink) {
    if (!is_open_) return;
    is_open_ = false;
    sink.on_event(made(EventKind::close));
    if (open_kind_ != BlockKind::tool_call) return;
    for (auto& call : calls_) {
        if (call.state == Call::State::open) call.state = Call::State::closed;
    }
}

Event ChoiceEvents::opened(BlockKind kind, llm::EventSink& sink) {
    close(sink);
    is_open_ = true;
    open_kind_ = kind;
    ++blocks_;
    return made(EventKind::open);
}

void ChoiceEvents::add_text(BlockKind kind, llm::Text text, llm::EventSink& sink) {
    if (!is_open_ || open_kind_ != kind) {
        auto const event = opened(kind, sink);
        thought_index_.reset();
        thought_dialect_ = {};
        sink.on_event(event);
    }
    content_bytes_ += text.inner().size();
    auto event = made(EventKind::delta);
    event.text = text;
    if (kind == BlockKind::thought) event.dialect = thought_dialect_;
    sink.on_event(event);
}

void ChoiceEvents::add_thought(ThoughtDetail const& detail, llm::EventSink& sink) {
    bool const is_redacted = detail.data.exists();
    if (!is_redacted && detail.text.is_empty() && detail.signature.is_empty()) return;
    bool const goes_on = is_open_ && open_kind_ == BlockKind::thought && !is_redacted &&
                         (!detail.index || detail.index == thought_index_);
    if (!goes_on) {
        auto event = opened(BlockKind::thought, sink);
        thought_index_ = detail.index;
        thought_dialect_ = detail.dialect;
        event.dialect = detail.dialect;
        event.text = detail.data;
        sink.on_event(event);
    }
    if (is_redacted) return;
    if (!detail.text.is_empty()) add_text(BlockKind::thought, detail.text, sink);
    if (detail.signature.is_empty()) return;
    auto event = made(EventKind::delta);
    event.part = llm::Part::signature;
    event.dialect = detail.dialect;
    event.text = detail.signature;
    sink.on_event(event);
}

// A fragment belongs to the last call of its index, unless it has another id (some number all calls
// alike); without an index, to the call of its id, or to the last one.
ChoiceEvents::Call* ChoiceEvents::find(ToolDelta const& delta) noexcept {
    bool const has_id = !delta.id.is_empty();
    for (auto call = calls_.rbegin(); call != calls_.rend(); ++call) {
        bool const is_other = has_id && !call->id.empty() && call->id != delta.id.json;
        if (is_other) continue;
        if (delta.index ? call->index == delta.index : (!has_id || call->id == delta.id.json)) {
            return &*call;
        }
    }
    return nullptr;
}

Result<void> ChoiceEvents::add_call(ToolDelta const& delta, llm::EventSink& sink) {
    content_bytes_ += delta.arguments.inner().size();
    auto* call = find(delta);
    if (!call) {
        if (calls_.size() >= calls_max) return bad_answer("too many tool calls");
        call = &calls_.emplace_back();
        call->index = delta.index;
    }
    if (call->id.empty() && !delta.id.is_empty()) call->id = delta.id.json;
    if (call->name.empty() && !delta.name.is_empty()) call->name = delta.name.json;
    switch (call->state) {
        case Call::State::open:
            add_arguments(delta.arguments, sink);
            break;
        case Call::State::closed:
            if (delta.arguments.is_empty()) return {};
            return bad_answer("a tool call goes on that has ended");
        case Call::State::waiting:
            waiting_bytes_ += delta.arguments.inner().size();
            if (waiting_bytes_ > waiting_bytes_max) return bad_answer("too many mixed fragments");
            call->arguments += delta.arguments.inner();
            break;
    }
    advance(false, sink);
    return {};
}

void ChoiceEvents::advance(bool all, llm::EventSink& sink) {
    while (next_call_ < calls_.size()) {
        auto& call = calls_[next_call_];
        bool const is_blocked =
            is_open_ && open_kind_ == BlockKind::tool_call && !arguments_.is_whole();
        if (!all && (is_blocked || call.name.empty())) return;
        auto event = opened(BlockKind::tool_call, sink);
        arguments_ = {};
        call.state = Call::State::open;
        event.id.json = call.id;
        event.name.json = call.name;
        sink.on_event(event);
        ++next_call_;
        waiting_bytes_ -= call.arguments.size();
        quoted_.assign("\"").append(call.arguments).append("\"");
        std::string{}.swap(call.arguments);
        add_arguments({quoted_}, sink);
    }
}

void ChoiceEvents::add_arguments(llm::Text fragment, llm::EventSink& sink) {
    if (fragment.is_empty()) return;
    arguments_.feed(fragment);
    auto event = made(EventKind::delta);
    event.part = llm::Part::arguments;
    event.text = fragment;
    sink.on_event(event);
}

}  // namespace sluice::dialect::openai
