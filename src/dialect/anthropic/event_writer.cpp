#include "dialect/anthropic/event_writer.hpp"

#include "base/json_text.hpp"
#include "dialect/anthropic/answer.hpp"
#include "dialect/anthropic/citation.hpp"
#include "dialect/anthropic/error.hpp"
#include "dialect/anthropic/usage.hpp"
#include "dialect/common/one_line.hpp"

namespace sluice::dialect::anthropic {
namespace {

using llm::BlockKind;
using llm::Event;
using llm::EventKind;
using llm::Part;

class Writer final : public EventWriter {
  public:
    explicit Writer(WriterOptions options) : options_(std::move(options)) {}

    void on_event(Event const& event) override {
        if (event.choice != 0) lose("choices[1..]");
        if (event.choice != 0 || faulted_) return;
        switch (event.kind) {
            case EventKind::begin:
                return begin(event);
            case EventKind::open:
                return open(event);
            case EventKind::delta:
                return add(event);
            case EventKind::close:
                return close(event.block);
            case EventKind::usage:
                usage_ = *event.usage;
                return;
            case EventKind::end:
                reason_ = event.reason;
                stop_sequence_ = std::string{event.text.json};
                return;
            case EventKind::fault:
                faulted_ = true;
                out += write_stream_error(*event.error, options_.id);
                return;
        }
    }

    void finish() override {
        if (faulted_) return;
        if (!begun_) begin({});
        out +=
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":";
        out += word_of(reason_);
        out += ",\"stop_sequence\":";
        out += stop_sequence_.empty() ? "null" : stop_sequence_;
        out += "},\"usage\":";
        append_usage(out, usage_);
        out += "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    }

  private:
    void begin(Event const& event) {
        begun_ = true;
        out += "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":";
        append_or(out, event.id, "msg_", options_.id);
        out += ",\"type\":\"message\",\"role\":\"assistant\",\"model\":";
        append_or(out, event.model, "", options_.model);
        out +=
            ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"
            "{\"input_tokens\":0,\"output_tokens\":0}}}\n\n";
    }

    void start_block(std::string_view body) {
        out += "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":";
        append_number(out, written_);
        out += ",\"content_block\":";
        append_one_line(out, body);
        out += "}\n\n";
    }

    void open(Event const& event) {
        if (!begun_) begin({});
        open_ = event.block;
        is_open_ = true;
        switch (event.block_kind) {
            case BlockKind::tool_call: {
                std::string body = "{\"type\":\"tool_use\",\"id\":";
                body += event.id.exists() ? event.id.json : "\"toolu_0\"";
                body.append(",\"name\":").append(event.name.exists() ? event.name.json : "\"\"");
                body += ",\"input\":{}}";
                return start_block(body);
            }
            case BlockKind::thought:
                if (event.text.exists()) {
                    return start_block("{\"type\":\"redacted_thinking\",\"data\":" +
                                       std::string{event.text.json} + "}");
                }
                return start_block("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
            case BlockKind::opaque:
                if (event.dialect == "anthropic") return start_block(event.json);
                lose("choices[].message");
                [[fallthrough]];
            default:
                return start_block("{\"type\":\"text\",\"text\":\"\"}");
        }
    }

    void add(Event const& event) {
        if (!is_open_ || event.block != open_) return;
        std::string_view type, member;
        switch (event.part) {
            case Part::text:
                type = is_thought(event) ? "thinking_delta" : "text_delta";
                member = is_thought(event) ? "thinking" : "text";
                break;
            case Part::arguments:
                type = "input_json_delta";
                member = "partial_json";
                break;
            case Part::signature:
                type = "signature_delta";
                member = "signature";
                break;
            case Part::citation:
                citation_.clear();
                if (!append_citation(citation_, *event.citation)) return lose("annotations");
                type = "citations_delta";
                member = "citation";
                break;
            case Part::logprobs:
                return lose("choices[].logprobs");
        }
        out += "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":";
        append_number(out, written_);
        out.append(",\"delta\":{\"type\":\"").append(type).append("\",\"").append(member);
        out += "\":";
        if (event.part == Part::citation) {
            append_one_line(out, citation_);
        } else {
            out += event.text.json;
        }
        out += "}}\n\n";
    }

    [[nodiscard]] static bool is_thought(Event const& event) noexcept {
        return event.block_kind == BlockKind::thought;
    }

    void close(std::uint32_t block) {
        if (!is_open_ || block != open_) return;
        is_open_ = false;
        out += "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":";
        append_number(out, written_);
        out += "}\n\n";
        ++written_;
    }

    void lose(std::string_view field) {
        if (options_.losses) options_.losses->add(field);
    }

    WriterOptions options_;
    llm::Usage usage_;
    llm::StopReason reason_ = llm::StopReason::unset;
    std::string stop_sequence_;  // quoted
    std::string citation_;       // scratch
    std::uint32_t open_ = 0;     // the block of the events
    std::uint32_t written_ = 0;  // its number in this stream
    bool is_open_ = false;
    bool begun_ = false;
    bool faulted_ = false;
};

}  // namespace

std::unique_ptr<EventWriter> open_writer(WriterOptions options) {
    return std::make_unique<Writer>(std::move(options));
}

}  // namespace sluice::dialect::anthropic
