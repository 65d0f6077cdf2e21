#include "dialect/common/explode.hpp"

#include <string>

#include "base/json_text.hpp"

namespace sluice::dialect {
namespace {

using llm::Block;
using llm::BlockKind;
using llm::Event;
using llm::EventKind;
using llm::Part;

class Explosion {
  public:
    Explosion(llm::Answer const& answer, llm::EventSink& sink) : answer_(answer), sink_(sink) {}

    void run() {
        Event begin;
        begin.kind = EventKind::begin;
        begin.id = answer_.id;
        begin.model = answer_.model;
        sink_.on_event(begin);
        for (auto const& choice : answer_.choices) {
            block_ = 0;
            for (auto const& block : choice.blocks) tell(choice, block);
            end(choice);
            ++choice_;
        }
        Event usage;
        usage.kind = EventKind::usage;
        usage.usage = &answer_.usage;
        sink_.on_event(usage);
    }

  private:
    [[nodiscard]] Event made(EventKind kind, Block const& block) const {
        Event event;
        event.kind = kind;
        event.choice = choice_;
        event.block = block_;
        event.block_kind = block.kind;
        event.dialect = block.dialect;
        return event;
    }

    void tell(llm::Choice const& choice, Block const& block) {
        auto open = made(EventKind::open, block);
        open.id = block.id;
        open.name = block.name;
        if (block.kind == BlockKind::thought) open.text = block.data;
        if (block.kind == BlockKind::opaque) open.json = block.json;
        sink_.on_event(open);
        if (block.kind == BlockKind::tool_call) {
            std::string quoted;
            append_json_string(quoted, block.json.empty() ? std::string_view{"{}"} : block.json);
            add(block, Part::arguments, {quoted});
        } else if (!(block.kind == BlockKind::thought && block.data.exists())) {
            if (!block.text.is_empty()) add(block, Part::text, block.text);
            if (block.signature.exists()) add(block, Part::signature, block.signature);
        }
        if (block.kind == BlockKind::text) {
            for (auto const& citation : block.cited) {
                auto delta = made(EventKind::delta, block);
                delta.part = Part::citation;
                delta.citation = &citation;
                sink_.on_event(delta);
            }
        }
        if (can_have_logprobs(block) && !has_logprobs_ && !choice.logprobs.empty()) {
            has_logprobs_ = true;
            auto delta = made(EventKind::delta, block);
            delta.part = Part::logprobs;
            delta.json = choice.logprobs;
            sink_.on_event(delta);
        }
        sink_.on_event(made(EventKind::close, block));
        ++block_;
    }

    void add(Block const& block, Part part, llm::Text text) {
        auto delta = made(EventKind::delta, block);
        delta.part = part;
        delta.text = text;
        sink_.on_event(delta);
    }

    static bool can_have_logprobs(Block const& block) noexcept {
        return block.kind == BlockKind::text || block.kind == BlockKind::refusal;
    }

    void end(llm::Choice const& choice) {
        has_logprobs_ = false;
        Event event;
        event.kind = EventKind::end;
        event.choice = choice_;
        event.reason = choice.reason;
        event.native = choice.native_reason;
        event.text = choice.stop_sequence;
        sink_.on_event(event);
    }

    llm::Answer const& answer_;
    llm::EventSink& sink_;
    std::uint32_t choice_ = 0;
    std::uint32_t block_ = 0;
    bool has_logprobs_ = false;
};

}  // namespace

void explode(llm::Answer const& answer, llm::EventSink& sink) { Explosion(answer, sink).run(); }

}  // namespace sluice::dialect
