#include "dialect/common/collect.hpp"

#include "dialect/common/arguments.hpp"

namespace sluice::dialect {
namespace {

constexpr std::size_t choices_max = 128;
constexpr std::size_t blocks_max = 4096;

using llm::Block;
using llm::BlockKind;

}  // namespace

bool Collector::fits(std::size_t bytes) {
    bytes_ += bytes;
    overflowed_ = overflowed_ || bytes_ > bytes_max_;
    return !overflowed_;
}

Collector::Choice& Collector::of(std::uint32_t number) {
    auto const at = std::min<std::size_t>(number, choices_max - 1);
    if (at >= choices_.size()) choices_.resize(at + 1);
    return choices_[at];
}

void Collector::on_event(llm::Event const& event) {
    using llm::EventKind;
    switch (event.kind) {
        case EventKind::begin:
            id_ = event.id.json;
            model_ = event.model.json;
            return;
        case EventKind::open:
            return open(event);
        case EventKind::delta:
            return add(event);
        case EventKind::usage:
            usage_ = *event.usage;
            return;
        case EventKind::end: {
            auto& choice = of(event.choice);
            choice.reason = event.reason;
            choice.native = event.native;
            choice.stop_sequence = event.text.json;
            return;
        }
        case EventKind::close:
        case EventKind::fault:
            return;
    }
}

void Collector::open(llm::Event const& event) {
    auto& blocks = of(event.choice).blocks;
    if (event.block != blocks.size() || blocks.size() >= blocks_max) {
        overflowed_ = overflowed_ || blocks.size() >= blocks_max;
        return;
    }
    if (!fits(event.text.json.size() + event.json.size() + event.id.json.size() + 64)) return;
    auto& part = blocks.emplace_back();
    part.kind = event.block_kind;
    part.id = event.id.json;
    part.name = event.name.json;
    part.data = event.text.json;
    part.json = event.json;
    part.dialect = event.dialect;
}

void Collector::add(llm::Event const& event) {
    auto& choice = of(event.choice);
    if (event.block >= choice.blocks.size()) return;
    if (!fits(event.text.json.size() + event.json.size())) return;
    auto& part = choice.blocks[event.block];
    if (!event.dialect.empty()) part.dialect = event.dialect;
    switch (event.part) {
        case llm::Part::text:
            part.text += event.text.inner();
            return;
        case llm::Part::arguments:
            part.arguments += event.text.inner();
            return;
        case llm::Part::signature:
            part.signature += event.text.inner();
            return;
        case llm::Part::citation:
            part.citations.append(part.citations.empty() ? "" : ",").append(event.json);
            return;
        case llm::Part::logprobs:
            choice.logprobs = event.json;
            return;
    }
}

llm::Answer Collector::take() {
    llm::Answer answer;
    auto const quoted = [&answer](std::string const& inner) {
        return answer.make('"' + inner + '"');
    };
    if (!id_.empty()) answer.id = answer.make(std::move(id_));
    if (!model_.empty()) answer.model = answer.make(std::move(model_));
    for (auto& from : choices_) {
        auto& choice = answer.choices.emplace_back();
        choice.reason = from.reason;
        if (!from.native.empty()) choice.native_reason = answer.keep(std::move(from.native));
        if (!from.stop_sequence.empty()) {
            choice.stop_sequence = answer.make(std::move(from.stop_sequence));
        }
        if (!from.logprobs.empty()) choice.logprobs = answer.keep(std::move(from.logprobs));
        for (auto& part : from.blocks) {
            Block block;
            block.kind = part.kind;
            if (!part.id.empty()) block.id = answer.make(std::move(part.id));
            if (!part.name.empty()) block.name = answer.make(std::move(part.name));
            if (!part.data.empty()) block.data = answer.make(std::move(part.data));
            if (part.kind == BlockKind::tool_call) {
                block.json = answer.keep(arguments_object(llm::decoded(quoted(part.arguments))));
            } else if (part.kind == BlockKind::opaque) {
                block.json = answer.keep(std::move(part.json));
            } else {
                block.text = quoted(part.text);
            }
            if (!part.signature.empty()) block.signature = quoted(part.signature);
            if (!part.citations.empty()) block.citations = answer.keep('[' + part.citations + ']');
            if (!part.dialect.empty()) block.dialect = answer.keep(std::move(part.dialect));
            choice.blocks.push_back(std::move(block));
        }
    }
    answer.usage = std::move(usage_);
    return answer;
}

}  // namespace sluice::dialect
