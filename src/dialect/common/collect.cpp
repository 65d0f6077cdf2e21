#include "dialect/common/collect.hpp"

#include "dialect/common/arguments.hpp"
#include "dialect/common/walk.hpp"

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
    auto const cited = event.citation ? event.citation->json.size() * 2 : 0;
    if (!fits(event.text.json.size() + event.json.size() + cited)) return;
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
            part.cited.push_back(
                {std::string{event.citation->url.json}, std::string{event.citation->title.json},
                 std::string{event.citation->json}, std::string{event.citation->dialect}});
            return;
        case llm::Part::logprobs:
            add_logprobs(choice, event.json);
            return;
    }
}

// {"content":[...],"refusal":[...]}, one piece after the other: the lists go on.
void Collector::add_logprobs(Choice& choice, std::string_view json) {
    JsonScanner scan(json);
    if (scan.peek() != JsonKind::object) return;
    choice.has_logprobs = true;
    (void)each_member(scan, [&](std::string_view name) {
        bool const is_list =
            (name == "content" || name == "refusal") && scan.peek() == JsonKind::array;
        if (!is_list) return scan.skip_value(0);
        auto& list = choice.logprobs[name == "content" ? 0 : 1];
        return each_element(scan, [&] {
            std::string_view token;
            if (!take_json(scan, token)) return false;
            list.append(list.empty() ? "" : ",").append(token);
            return true;
        });
    });
}

Block Collector::taken(Part& part, llm::Answer& answer) {
    auto const quoted = [&answer](std::string const& inner) {
        return answer.make('"' + inner + '"');
    };
    auto const kept = [&answer](std::string& text) {
        return text.empty() ? std::string_view{} : answer.keep(std::move(text));
    };
    Block block;
    block.kind = part.kind;
    block.id.json = kept(part.id);
    block.name.json = kept(part.name);
    block.data.json = kept(part.data);
    if (part.kind == BlockKind::tool_call) {
        block.json = answer.keep(arguments_object(llm::decoded(quoted(part.arguments))));
    } else if (part.kind == BlockKind::opaque) {
        block.json = kept(part.json);
    } else {
        block.text = quoted(part.text);
    }
    if (!part.signature.empty()) block.signature = quoted(part.signature);
    for (auto& source : part.cited) {
        block.cited.push_back(
            {{kept(source.url)}, {kept(source.title)}, kept(source.json), kept(source.dialect)});
    }
    block.dialect = kept(part.dialect);
    return block;
}

llm::Answer Collector::take() {
    llm::Answer answer;
    if (!id_.empty()) answer.id = answer.make(std::move(id_));
    if (!model_.empty()) answer.model = answer.make(std::move(model_));
    for (auto& from : choices_) {
        auto& choice = answer.choices.emplace_back();
        choice.reason = from.reason;
        if (!from.native.empty()) choice.native_reason = answer.keep(std::move(from.native));
        if (!from.stop_sequence.empty()) {
            choice.stop_sequence = answer.make(std::move(from.stop_sequence));
        }
        if (from.has_logprobs) {
            auto const list = [](std::string const& elements) {
                return elements.empty() ? std::string{"null"} : '[' + elements + ']';
            };
            choice.logprobs = answer.keep("{\"content\":" + list(from.logprobs[0]) +
                                          ",\"refusal\":" + list(from.logprobs[1]) + "}");
        }
        for (auto& part : from.blocks) choice.blocks.push_back(taken(part, answer));
    }
    answer.usage = std::move(usage_);
    return answer;
}

}  // namespace sluice::dialect
