#include "dialect/common/grammar.hpp"

namespace sluice::dialect {

using llm::Event;
using llm::EventKind;

void GrammarCheck::fail(std::string what) {
    if (breach_.empty()) breach_ = std::move(what);
}

void GrammarCheck::on_event(Event const& event) {
    if (faulted_) fail("an event after a fault");
    if (event.kind == EventKind::begin) {
        if (begun_) fail("a second begin");
        begun_ = true;
    } else if (!begun_ && event.kind != EventKind::fault) {
        fail("an event before begin");
    }
    if (event.choice >= choices_.size()) choices_.resize(event.choice + 1);
    auto& choice = choices_[event.choice];
    choice.begun =
        choice.begun || (event.kind != EventKind::begin && event.kind != EventKind::usage &&
                         event.kind != EventKind::fault);
    bool const is_of_open = choice.is_open && event.block + 1 == choice.blocks;
    switch (event.kind) {
        case EventKind::open:
            if (choice.ended) fail("a block after the end of its choice");
            if (event.block != choice.blocks) fail("blocks are not numbered in order");
            if (choice.is_open) fail("two blocks are open");
            ++choice.blocks;
            choice.is_open = true;
            break;
        case EventKind::delta:
            if (!is_of_open) fail("a delta of a block that is not open");
            if (event.part == llm::Part::citation && !event.citation) fail("no citation");
            break;
        case EventKind::close:
            if (!is_of_open) fail("a block closes that is not open");
            choice.is_open = false;
            break;
        case EventKind::end:
            if (choice.ended) fail("a choice ends twice");
            if (choice.is_open) fail("a choice ends with a block open");
            choice.ended = true;
            break;
        case EventKind::fault:
            faulted_ = true;
            if (!event.error) fail("a fault without its error");
            break;
        case EventKind::usage:
            if (!event.usage) fail("usage without its figures");
            break;
        case EventKind::begin:
            break;
    }
    if (next_) next_->on_event(event);
}

void GrammarCheck::finish() {
    if (faulted_) return;
    for (auto const& choice : choices_) {
        if (choice.begun && !choice.ended) fail("a choice has no end");
    }
}

}  // namespace sluice::dialect
