#include "dialect/anthropic/stream_machine.hpp"

#include <utility>

#include "dialect/anthropic/citation.hpp"
#include "dialect/common/upstream_error.hpp"
#include "dialect/common/walk.hpp"

namespace sluice::dialect::anthropic {
namespace {

constexpr std::size_t name_bytes_max = 256;
constexpr std::string_view name_of_dialect = "anthropic";

using llm::Event;
using llm::EventKind;

void tell(llm::EventSink* sink, Event const& event) {
    if (sink) sink->on_event(event);
}

struct Delta {
    llm::Text type, text, thinking, partial_json, signature;
    std::vector<llm::Citation> citation;  // one, or none
};

bool read_delta(std::string_view json, Delta& delta) {
    JsonScanner scan(json);
    if (scan.peek() != JsonKind::object) return false;
    return each_member(scan, [&](std::string_view name) {
        if (name == "type") return take_text(scan, delta.type);
        if (name == "text") return take_text(scan, delta.text);
        if (name == "thinking") return take_text(scan, delta.thinking);
        if (name == "partial_json") return take_text(scan, delta.partial_json);
        if (name == "signature") return take_text(scan, delta.signature);
        if (name == "citation") return read_citation(scan, delta.citation);
        return scan.skip_value(0);
    });
}

}  // namespace

llm::StopReason stop_reason_of(llm::Text word) noexcept {
    using llm::StopReason;
    if (word.is("end_turn")) return StopReason::stop;
    if (word.is("stop_sequence")) return StopReason::stop_sequence;
    if (word.is("max_tokens")) return StopReason::length;
    if (word.is("model_context_window_exceeded")) return StopReason::context;
    if (word.is("tool_use")) return StopReason::tool_calls;
    if (word.is("refusal")) return StopReason::refusal;
    if (word.is("pause_turn")) return StopReason::pause;
    return word.exists() ? StopReason::stop : StopReason::unset;
}

FrameKind StreamMachine::read(codec::SseFrame const& frame, llm::EventSink* sink) {
    if (frame.data.empty()) return FrameKind::ping;
    had_data_ = true;
    if (done_) return FrameKind::content;  // nothing belongs behind message_stop; it may pass
    Data data;
    bool const is_right =
        read_data(frame.data, data) && (!sink || codec::is_valid_utf8(frame.data));
    if (!is_right) return fail(bad_answer("an event that is no JSON"), sink);
    auto const& type = data.type;
    if (type.is("ping")) return FrameKind::ping;
    if (type.is("message_start")) return begin(data, sink);
    bool const is_early = !begun_ && (type.is("content_block_start") || type.is("message_delta"));
    if (is_early) (void)begin({}, sink);  // some leave it out
    if (type.is("content_block_delta")) return add(data, sink);
    if (type.is("content_block_start")) return open(data, sink);
    if (type.is("content_block_stop")) return close(data, sink);
    if (type.is("message_delta")) return end(data, sink);
    if (type.is("message_stop")) {
        if (begun_ && !ended_) end_choice({}, {}, sink);
        done_ = true;
        return FrameKind::done;
    }
    if (type.is("error") || !data.error.empty()) return fail(read_fault(frame.data), sink);
    return spoke_ ? FrameKind::content : FrameKind::begin;  // unknown ones pass
}

bool StreamMachine::read_data(std::string_view data, Data& out) {
    JsonScanner scan(data);
    scan.skip_space();
    if (scan.peek() != JsonKind::object) return false;
    bool const ok = each_member(scan, [&](std::string_view name) {
        switch (name.size()) {
            case 4:
                if (name == "type") return take_text(scan, out.type);
                break;
            case 5:
                if (name == "index") return take_integer(scan, out.index);
                if (name == "delta") return take_json(scan, out.delta);
                if (name == "usage") return take_json_or_null(scan, out.usage);
                if (name == "error") return take_json_or_null(scan, out.error);
                break;
            case 7:
                if (name == "message") return take_json(scan, out.message);
                break;
            case 13:
                if (name == "content_block") return take_json(scan, out.content_block);
                break;
            default:
                break;
        }
        return scan.skip_value(1);
    });
    return ok && scan.expect_end();
}

FrameKind StreamMachine::begin(Data const& data, llm::EventSink* sink) {
    bool const is_first = !std::exchange(begun_, true);
    llm::Text id, model;
    std::string_view usage;
    JsonScanner scan(data.message);
    if (scan.peek() == JsonKind::object) {
        (void)each_member(scan, [&](std::string_view name) {
            if (name == "id") return take_text(scan, id);
            if (name == "model") return take_text(scan, model);
            if (name == "usage") return take_json_or_null(scan, usage);
            return scan.skip_value(1);
        });
    }
    if (!usage.empty()) usage_reader_.take(usage, usage_);
    usage_.is_open = usage_.reported && !ended_;
    if (sink && !is_first && spoke_) {
        return fail(bad_answer("a second message in the stream"), sink);
    }
    if (!is_first) return spoke_ ? FrameKind::content : FrameKind::begin;  // some say it twice
    if (model.inner().size() <= name_bytes_max) model_ = llm::decoded(model);
    Event event;
    event.kind = EventKind::begin;
    event.id = id;
    event.model = model;
    tell(sink, event);
    if (usage_.reported) {
        // What was read is known now; what is written counts up until the end.
        Event told;
        told.kind = EventKind::usage;
        told.usage = &usage_;
        tell(sink, told);
    }
    return FrameKind::begin;
}

FrameKind StreamMachine::open(Data const& data, llm::EventSink* sink) {
    spoke_ = true;
    llm::Text type, id, name, text, redacted;
    JsonScanner scan(data.content_block);
    if (scan.peek() != JsonKind::object) {
        return fail(bad_answer("a content_block_start without its block"), sink);
    }
    bool const ok = each_member(scan, [&](std::string_view member) {
        if (member == "type") return take_text(scan, type);
        if (member == "id") return take_text(scan, id);
        if (member == "name") return take_text(scan, name);
        if (member == "text" || member == "thinking") return take_text(scan, text);
        if (member == "data") return take_text(scan, redacted);
        return scan.skip_value(1);
    });
    if (!ok) return fail(bad_answer("a content_block_start that cannot be read"), sink);
    if (ended_) return FrameKind::content;  // nothing of it belongs behind the stop reason
    close_open(sink);                       // some forget to
    Event event;
    event.kind = EventKind::open;
    event.block = blocks_++;
    event.dialect = name_of_dialect;
    if (type.is("text")) {
        event.block_kind = llm::BlockKind::text;
    } else if (type.is("thinking")) {
        event.block_kind = llm::BlockKind::thought;
    } else if (type.is("redacted_thinking")) {
        event.block_kind = llm::BlockKind::thought;
        event.text = redacted;
    } else if (type.is("tool_use")) {
        event.block_kind = llm::BlockKind::tool_call;
        event.id = id;
        event.name = name;
    } else {
        event.block_kind = llm::BlockKind::opaque;
        event.json = data.content_block;
    }
    open_ = OpenBlock{data.index.value_or(event.block), event.block, event.block_kind,
                      event.text.exists()};
    tell(sink, event);
    bool const takes_text =
        event.block_kind == llm::BlockKind::text ||
        (event.block_kind == llm::BlockKind::thought && !open_->is_closed_to_text);
    bool const has_text = takes_text && !text.is_empty();
    if (has_text) {  // some put the first text here
        Event first;
        first.kind = EventKind::delta;
        first.block = event.block;
        first.block_kind = event.block_kind;
        first.dialect = name_of_dialect;
        first.text = text;
        content_bytes_ += text.inner().size();
        tell(sink, first);
    }
    return FrameKind::content;
}

bool StreamMachine::is_open(std::optional<std::int64_t> index) const noexcept {
    return open_ && (!index || open_->index == *index);
}

FrameKind StreamMachine::add(Data const& data, llm::EventSink* sink) {
    spoke_ = true;
    Delta delta;
    if (!read_delta(data.delta, delta)) return fail(bad_answer("a delta that is no object"), sink);
    content_bytes_ += delta.text.inner().size() + delta.thinking.inner().size() +
                      delta.partial_json.inner().size();
    if (!sink || ended_) return FrameKind::content;
    // Nothing of an answer is lost silently.
    if (!is_open(data.index)) return fail(bad_answer("a delta of no open block"), sink);
    using llm::BlockKind;
    bool const is_call = open_->kind == BlockKind::tool_call;
    bool const has_text = !delta.text.is_empty() || !delta.thinking.is_empty();
    bool const fits =
        open_->kind == BlockKind::opaque || (has_text ? !is_call && !open_->is_closed_to_text
                                                      : is_call || delta.partial_json.is_empty());
    if (!fits) return fail(bad_answer("a delta that does not fit its block"), sink);
    Event event;
    event.kind = EventKind::delta;
    event.block = open_->number;
    event.block_kind = open_->kind;
    event.dialect = name_of_dialect;
    if (!delta.text.is_empty()) {
        event.text = delta.text;
    } else if (!delta.thinking.is_empty()) {
        event.text = delta.thinking;
    } else if (!delta.partial_json.is_empty()) {
        event.part = llm::Part::arguments;
        event.text = delta.partial_json;
    } else if (!delta.signature.is_empty()) {
        event.part = llm::Part::signature;
        event.text = delta.signature;
    } else if (!delta.citation.empty()) {
        event.part = llm::Part::citation;
        event.citation = &delta.citation.front();
    } else {
        return FrameKind::content;
    }
    tell(sink, event);
    return FrameKind::content;
}

FrameKind StreamMachine::close(Data const& data, llm::EventSink* sink) {
    if (is_open(data.index)) close_open(sink);
    return FrameKind::content;
}

void StreamMachine::close_open(llm::EventSink* sink) {
    if (!open_) return;
    Event event;
    event.kind = EventKind::close;
    event.block = open_->number;
    event.block_kind = open_->kind;
    open_.reset();
    tell(sink, event);
}

void StreamMachine::end_choice(llm::Text reason, llm::Text sequence, llm::EventSink* sink) {
    ended_ = true;
    close_open(sink);
    Event event;
    event.kind = EventKind::end;
    event.reason = stop_reason_of(reason);
    event.native = reason.json;
    event.text = sequence;
    tell(sink, event);
}

FrameKind StreamMachine::end(Data const& data, llm::EventSink* sink) {
    spoke_ = true;
    llm::Text reason, sequence;
    JsonScanner scan(data.delta);
    if (scan.peek() == JsonKind::object) {
        (void)each_member(scan, [&](std::string_view name) {
            if (name == "stop_reason") return take_text(scan, reason);
            if (name == "stop_sequence") return take_text(scan, sequence);
            return scan.skip_value(1);
        });
    }
    if (!data.usage.empty()) {
        usage_reader_.take(data.usage, usage_);
        usage_.is_open = false;
    }
    if (reason.exists() && !ended_) {
        if (reason.inner().size() <= name_bytes_max) finish_reason_ = llm::decoded(reason);
        end_choice(reason, sequence, sink);
    }
    if (data.usage.empty()) return FrameKind::content;
    Event told;
    told.kind = EventKind::usage;
    told.usage = &usage_;
    tell(sink, told);
    return FrameKind::content;
}

FrameKind StreamMachine::fail(Error error, llm::EventSink* sink) {
    if (fault_) return FrameKind::fault;
    fault_ = std::move(error);
    Event event;
    event.kind = EventKind::fault;
    event.error = &*fault_;
    tell(sink, event);
    return FrameKind::fault;
}

Result<void> StreamMachine::finish() {
    if (fault_ || done_ || ended_) return {};
    if (!had_data_) return bad_answer("no event stream");
    return cut_answer();
}

}  // namespace sluice::dialect::anthropic
