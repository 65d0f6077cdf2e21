#include "dialect/anthropic/stream_machine.hpp"

#include <algorithm>
#include <utility>

#include "dialect/common/upstream_error.hpp"
#include "dialect/common/walk.hpp"

namespace sluice::dialect::anthropic {
namespace {

constexpr std::size_t name_bytes_max = 256;
constexpr std::size_t open_blocks_max = 1024;
constexpr std::string_view name_of_dialect = "anthropic";

using llm::Event;
using llm::EventKind;

void tell(llm::EventSink* sink, Event const& event) {
    if (sink) sink->on_event(event);
}

struct Delta {
    llm::Text type, text, thinking, partial_json, signature;
    std::string_view citation;
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
        if (name == "citation") return take_json(scan, delta.citation);
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
    return StopReason::stop;
}

FrameKind StreamMachine::read(codec::SseFrame const& frame, llm::EventSink* sink) {
    if (frame.data.empty()) return FrameKind::ping;
    had_data_ = true;
    if (done_) return FrameKind::content;  // nothing belongs behind message_stop; it may pass
    Data data;
    if (!read_data(frame.data, data)) return fail(bad_answer("an event that is no JSON"), sink);
    auto const& type = data.type;
    if (type.is("content_block_delta")) return add(data, sink);
    if (type.is("ping")) return FrameKind::ping;
    if (type.is("message_start")) return begin(data, sink);
    if (type.is("content_block_start")) return open(data, sink);
    if (type.is("content_block_stop")) return close(data, sink);
    if (type.is("message_delta")) return end(data, sink);
    if (type.is("message_stop")) {
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
    usage_.is_open = usage_.reported && finish_reason_.empty();
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
    if (!ok || open_.size() >= open_blocks_max) {
        return fail(bad_answer("a content_block_start that cannot be read"), sink);
    }
    Event event;
    event.kind = EventKind::open;
    event.block = blocks_++;
    event.dialect = name_of_dialect;
    auto part = llm::Part::text;
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
        part = llm::Part::arguments;
    } else {
        event.block_kind = llm::BlockKind::opaque;
        event.json = data.content_block;
        part = llm::Part::arguments;
    }
    open_.push_back({data.index.value_or(event.block), event.block, part});
    tell(sink, event);
    bool const has_text = !text.is_empty() && event.block_kind != llm::BlockKind::opaque;
    if (has_text) {  // some put the first text here
        Event first;
        first.kind = EventKind::delta;
        first.block = event.block;
        first.text = text;
        content_bytes_ += text.inner().size();
        tell(sink, first);
    }
    return FrameKind::content;
}

StreamMachine::OpenBlock const* StreamMachine::find(
    std::optional<std::int64_t> index) const noexcept {
    if (open_.empty()) return nullptr;
    if (!index) return &open_.back();
    for (auto at = open_.rbegin(); at != open_.rend(); ++at) {
        if (at->index == *index) return &*at;
    }
    return nullptr;
}

FrameKind StreamMachine::add(Data const& data, llm::EventSink* sink) {
    spoke_ = true;
    Delta delta;
    auto const* block = find(data.index);
    if (!read_delta(data.delta, delta)) return fail(bad_answer("a delta that is no object"), sink);
    content_bytes_ += delta.text.inner().size() + delta.thinking.inner().size() +
                      delta.partial_json.inner().size();
    if (!sink || !block) return FrameKind::content;
    Event event;
    event.kind = EventKind::delta;
    event.block = block->number;
    event.dialect = name_of_dialect;
    if (delta.text.exists()) {
        event.text = delta.text;
    } else if (delta.thinking.exists()) {
        event.block_kind = llm::BlockKind::thought;
        event.text = delta.thinking;
    } else if (delta.partial_json.exists()) {
        event.part = llm::Part::arguments;
        event.block_kind = llm::BlockKind::tool_call;
        event.text = delta.partial_json;
    } else if (delta.signature.exists()) {
        event.part = llm::Part::signature;
        event.block_kind = llm::BlockKind::thought;
        event.text = delta.signature;
    } else if (!delta.citation.empty()) {
        event.part = llm::Part::citation;
        event.json = delta.citation;
    } else {
        return FrameKind::content;
    }
    tell(sink, event);
    return FrameKind::content;
}

FrameKind StreamMachine::close(Data const& data, llm::EventSink* sink) {
    auto const* block = find(data.index);
    if (!block) return FrameKind::content;
    Event event;
    event.kind = EventKind::close;
    event.block = block->number;
    open_.erase(open_.begin() + (block - open_.data()));
    tell(sink, event);
    return FrameKind::content;
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
    if (!reason.exists()) return FrameKind::content;
    bool const is_first = finish_reason_.empty();
    if (reason.inner().size() <= name_bytes_max) finish_reason_ = llm::decoded(reason);
    if (!sink || !is_first) return FrameKind::content;
    for (auto const& block : open_) {  // a provider that forgot to close
        Event event;
        event.kind = EventKind::close;
        event.block = block.number;
        tell(sink, event);
    }
    open_.clear();
    Event event;
    event.kind = EventKind::end;
    event.reason = stop_reason_of(reason);
    event.native = reason.json;
    event.text = sequence;
    tell(sink, event);
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
    if (fault_ || done_ || !finish_reason_.empty()) return {};
    if (!had_data_) return bad_answer("no event stream");
    return cut_answer();
}

}  // namespace sluice::dialect::anthropic
