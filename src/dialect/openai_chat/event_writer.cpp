#include "dialect/openai_chat/event_writer.hpp"

#include <vector>

#include "base/json_text.hpp"
#include "dialect/common/one_line.hpp"
#include "dialect/openai_chat/answer.hpp"
#include "dialect/openai_chat/citation_details.hpp"
#include "dialect/openai_chat/error.hpp"

namespace sluice::dialect::openai {
namespace {

using llm::BlockKind;
using llm::Event;
using llm::EventKind;
using llm::Part;

// Of the open block; beyond it the answer's further sources are not told.
constexpr std::size_t held_bytes_max = std::size_t{1} << 20;

struct HeldCitation {
    std::string url, title, json;
    std::string_view dialect;
};

// What a choice's open block is.
struct Choice {
    std::uint32_t block = 0;
    BlockKind kind = BlockKind::text;
    std::uint32_t calls = 0;     // tool calls opened
    std::uint32_t thoughts = 0;  // thoughts opened
    bool has_arguments = false;  // of the open call
    bool is_begun = false;       // its role was told
    std::size_t characters = 0;  // of its content so far
    std::size_t block_start = 0;
    std::vector<HeldCitation> held;  // of the open block
    std::size_t held_bytes = 0;
};

class Writer final : public EventWriter {
  public:
    explicit Writer(WriterOptions options) : options_(std::move(options)) {}

    void on_event(Event const& event) override {
        if (faulted_) return;
        switch (event.kind) {
            case EventKind::begin:
                return begin(event);
            case EventKind::open:
                return open(event);
            case EventKind::delta:
                return add(event);
            case EventKind::close:
                return close(event);
            case EventKind::usage:
                usage_ = *event.usage;
                return;
            case EventKind::end:
                of(event.choice);
                start(event.choice);
                out += "{}";
                return end_chunk(word_of(event.reason));
            case EventKind::fault:
                faulted_ = true;
                out += write_stream_error(*event.error, options_.id);
                return;
        }
    }

    void finish() override {
        if (faulted_) return;
        if (lead_.empty()) begin({});
        if (options_.wants_usage) {
            out += lead_;
            out += "],\"usage\":";
            append_usage(out, usage_);
            auto const tier = tier_of(usage_);
            if (!tier.empty()) out.append(",\"service_tier\":\"").append(tier).append("\"");
            out += "}\n\n";
        }
        out += "data: [DONE]\n\n";
    }

  private:
    // Every chunk begins alike: written once.
    void begin(Event const& event) {
        lead_ = "data: {\"id\":";
        append_or(lead_, event.id, "chatcmpl-", options_.id);
        lead_ += ",\"object\":\"chat.completion.chunk\",\"created\":";
        append_number(lead_, options_.created);
        lead_ += ",\"model\":";
        append_or(lead_, event.model, "", options_.model);
        lead_ += ",\"choices\":[";
        of(0);
    }

    Choice& of(std::uint32_t number) {
        if (lead_.empty()) begin({});
        if (number >= choices_.size()) choices_.resize(number + 1);
        auto& choice = choices_[number];
        if (!choice.is_begun) {
            choice.is_begun = true;
            start(number);
            out += "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}";
            end_chunk("null");
        }
        return choice;
    }

    void start(std::uint32_t choice) {
        out += lead_;
        out += "{\"index\":";
        append_number(out, choice);
        out += ",\"delta\":";
    }
    void end_chunk(std::string_view finish, std::string_view logprobs = "null") {
        out += ",\"logprobs\":";
        append_one_line(out, logprobs);
        out.append(",\"finish_reason\":").append(finish).append("}]");
        if (options_.wants_usage) out += ",\"usage\":null";
        out += "}\n\n";
    }

    void open(Event const& event) {
        auto& choice = of(event.choice);
        choice.block = event.block;
        choice.kind = event.block_kind;
        choice.has_arguments = false;
        choice.block_start = choice.characters;
        if (event.block_kind == BlockKind::opaque) lose("content[]");
        if (event.block_kind == BlockKind::tool_call) {
            start(event.choice);
            out += "{\"tool_calls\":[{\"index\":";
            append_number(out, choice.calls++);
            out += ",\"id\":";
            out += event.id.exists() ? event.id.json : "\"call_0\"";
            out += ",\"type\":\"function\",\"function\":{\"name\":";
            out += event.name.exists() ? event.name.json : "\"\"";
            out += ",\"arguments\":\"\"}}]}";
            end_chunk("null");
        } else if (event.block_kind == BlockKind::thought) {
            auto const number = choice.thoughts++;
            if (!event.text.exists()) return;  // redacted: all of it is here
            start(event.choice);
            detail("reasoning.encrypted", "data", event.text, event.dialect, number);
            out += '}';
            end_chunk("null");
        }
    }

    // {"reasoning_details":[{...}] without the closing brace.
    void detail(std::string_view type, std::string_view member, llm::Text text,
                std::string_view dialect, std::uint32_t number) {
        out += "{\"reasoning_details\":[";
        append_detail(type, member, text, dialect, number);
        out += ']';
    }
    void append_detail(std::string_view type, std::string_view member, llm::Text text,
                       std::string_view dialect, std::uint32_t number) {
        out.append("{\"type\":\"").append(type).append("\",\"").append(member).append("\":");
        out.append(text.json).append(",\"format\":\"").append(dialect).append("\",\"index\":");
        append_number(out, number);
        out += '}';
    }

    void add(Event const& event) {
        auto& choice = of(event.choice);
        if (event.block != choice.block) return;
        switch (event.part) {
            case Part::arguments:
                if (choice.kind != BlockKind::tool_call || event.text.is_empty()) return;
                choice.has_arguments = true;
                return add_arguments(event.choice, choice, event.text.json);
            case Part::signature:
                start(event.choice);
                detail("reasoning.text", "signature", event.text, event.dialect,
                       choice.thoughts == 0 ? 0 : choice.thoughts - 1);
                out += '}';
                return end_chunk("null");
            case Part::logprobs:
                start(event.choice);
                out += "{}";
                return end_chunk("null", event.json);
            case Part::citation:
                return hold(choice, *event.citation);
            case Part::text:
                break;
        }
        if (choice.kind == BlockKind::opaque) return;
        if (choice.kind == BlockKind::text) choice.characters += characters_of(event.text);
        start(event.choice);
        if (choice.kind == BlockKind::thought) {
            out.append("{\"reasoning_content\":").append(event.text.json);
            if (!event.dialect.empty()) {
                out += ",\"reasoning_details\":[";
                append_detail("reasoning.text", "text", event.text, event.dialect,
                              choice.thoughts == 0 ? 0 : choice.thoughts - 1);
                out += ']';
            }
        } else {
            out.append(choice.kind == BlockKind::refusal ? "{\"refusal\":" : "{\"content\":");
            out += event.text.json;
        }
        out += '}';
        end_chunk("null");
    }

    void add_arguments(std::uint32_t number, Choice const& choice, std::string_view json) {
        start(number);
        out += "{\"tool_calls\":[{\"index\":";
        append_number(out, choice.calls - 1);
        out.append(",\"function\":{\"arguments\":").append(json).append("}}]}");
        end_chunk("null");
    }

    // Until the block closes: only then is it known where its text ends.
    static void hold(Choice& choice, llm::Citation const& citation) {
        choice.held_bytes += citation.json.size();
        if (choice.held_bytes > held_bytes_max) return;
        choice.held.push_back({std::string{citation.url.json}, std::string{citation.title.json},
                               std::string{citation.json}, citation.dialect});
    }

    void add_citations(std::uint32_t number, Choice& choice) {
        CitationLists lists;
        for (auto const& one : choice.held) {
            lists.add({{one.url}, {one.title}, one.json, one.dialect}, choice.block_start,
                      choice.characters);
        }
        choice.held.clear();
        choice.held_bytes = 0;
        start(number);
        out += '{';
        if (!lists.annotations().empty()) {
            out.append("\"annotations\":[").append(lists.annotations()).append("]");
        }
        if (!lists.details().empty()) {
            out.append(lists.annotations().empty() ? "" : ",").append("\"citation_details\":[");
            out.append(lists.details()).append("]");
        }
        out += '}';
        end_chunk("null");
    }

    // A call without arguments has an empty object of them.
    void close(Event const& event) {
        auto& choice = of(event.choice);
        if (!choice.held.empty()) add_citations(event.choice, choice);
        bool const lacks_arguments = choice.kind == BlockKind::tool_call && !choice.has_arguments &&
                                     event.block == choice.block;
        if (lacks_arguments) add_arguments(event.choice, choice, "\"{}\"");
        choice.has_arguments = true;
    }

    void lose(std::string_view field) {
        if (options_.losses) options_.losses->add(field);
    }

    WriterOptions options_;
    std::string lead_;  // up to and with the bracket of choices
    std::vector<Choice> choices_;
    llm::Usage usage_;
    bool faulted_ = false;
};

}  // namespace

std::unique_ptr<EventWriter> open_writer(WriterOptions options) {
    return std::make_unique<Writer>(std::move(options));
}

}  // namespace sluice::dialect::openai
