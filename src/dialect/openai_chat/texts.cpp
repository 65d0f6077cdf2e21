// Every string below `choices` is a text unless it is known to be none (ids, roles, types): what
// the look-alikes add is looked at too, each frame by itself.
#include "dialect/openai_chat/texts.hpp"

#include "base/json_text.hpp"
#include "dialect/common/walk.hpp"

namespace sluice::dialect::openai {
namespace {

// What channels there are; `part` tells several of one kind apart.
enum Member : std::uint8_t {
    other,
    text,  // of legacy completions
    content,
    refusal,
    reasoning_content,
    reasoning,
    detail_text,
    detail_summary,
    call_arguments,
    call_input,
    function_arguments,
    transcript,
};

struct Known {
    std::string_view name;
    Member member;
    TextKind kind;
};

constexpr Known of_delta[] = {
    {"content", content, TextKind::text},
    {"refusal", refusal, TextKind::text},
    {"reasoning_content", reasoning_content, TextKind::text},
    {"reasoning", reasoning, TextKind::text},
};

bool is_no_text(std::string_view name) noexcept {
    return name == "id" || name == "type" || name == "role" || name == "object" ||
           name == "index" || name == "format" || name == "signature" || name == "data" ||
           name == "encrypted_content" || name == "created" || name == "expires_at" ||
           name == "stop_reason" || name == "finish_reason" || name == "native_finish_reason";
}

class Walk {
  public:
    Walk(std::string_view json, std::vector<TextPlace>& places) : scan_(json), places_(places) {}

    JsonScanner& scan() noexcept { return scan_; }

    // The scanner stands at a choice.
    bool choice(EventTexts* event) {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(2);
        auto const first = places_.size();
        std::optional<std::int64_t> index;
        bool has_finish = false;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "index") return take_integer(scan_, index);
            if (name == "delta" || name == "message") return delta();
            if (name == "text") return take(text, TextKind::text, 0, true, "text");
            if (name == "logprobs") return take_any(TextKind::echo, "logprobs");
            if (name == "finish_reason") {
                has_finish = scan_.peek() == JsonKind::string;
                return scan_.skip_value(2);
            }
            return unknown(name);
        });
        auto const number = static_cast<std::uint32_t>(index.value_or(0));
        for (auto i = first; i < places_.size(); ++i) places_[i].choice = number;
        if (event) event->opened.push_back({number, 0, true});
        if (event && has_finish) event->closed.push_back({number, 0, true});
        return ok;
    }

  private:
    bool delta() {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(2);
        return each_member(scan_, [&](std::string_view name) {
            for (auto const& known : of_delta) {
                if (name != known.name) continue;
                return scan_.peek() == JsonKind::array
                           ? parts(known.member, known.name)
                           : take(known.member, known.kind, 0, true, known.name);
            }
            if (name == "tool_calls" && scan_.peek() == JsonKind::array) {
                std::uint32_t at = 0;
                return each_element(scan_, [&] { return tool_call(at++); });
            }
            if (name == "function_call" && scan_.peek() == JsonKind::object) {
                return function(function_arguments, 0);
            }
            if (name == "reasoning_details" && scan_.peek() == JsonKind::array) {
                std::uint32_t at = 0;
                return each_element(scan_, [&] { return detail(at++); });
            }
            if (name == "audio" && scan_.peek() == JsonKind::object) return audio();
            return unknown(name);
        });
    }

    // Content as parts: each text goes on in the same channel.
    bool parts(Member member, std::string_view called) {
        return each_element(scan_, [&] {
            if (scan_.peek() != JsonKind::object) return take_any(TextKind::json, called);
            return each_member(scan_, [&](std::string_view name) {
                if (name == "text" || name == "refusal" || name == "thinking") {
                    return take(member, TextKind::text, 0, true, called);
                }
                return unknown(name);
            });
        });
    }

    bool tool_call(std::uint32_t at) {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(4);
        auto const first = places_.size();
        std::optional<std::int64_t> index;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "index") return take_integer(scan_, index);
            if (name == "function" && scan_.peek() == JsonKind::object) {
                return function(call_arguments, at);
            }
            if (name == "custom" && scan_.peek() == JsonKind::object) {
                return each_member(scan_, [&](std::string_view inner) {
                    if (inner == "input") {
                        return take(call_input, TextKind::text, at, true, "tool_calls[].input");
                    }
                    return unknown(inner);
                });
            }
            return unknown(name);
        });
        for (auto i = first; i < places_.size(); ++i) {
            places_[i].part = static_cast<std::uint32_t>(index.value_or(at));
        }
        return ok;
    }

    bool function(Member member, std::uint32_t part) {
        return each_member(scan_, [&](std::string_view name) {
            if (name == "arguments" && scan_.peek() == JsonKind::string) {
                return take(member, TextKind::arguments, part, true, "tool_calls[].arguments");
            }
            if (name == "arguments") return take_any(TextKind::json, "tool_calls[].arguments");
            return unknown(name);
        });
    }

    bool detail(std::uint32_t at) {
        if (scan_.peek() != JsonKind::object) return take_any(TextKind::json, "reasoning_details");
        auto const first = places_.size();
        std::optional<std::int64_t> index;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "index") return take_integer(scan_, index);
            if (name == "text") {
                return take(detail_text, TextKind::text, at, true, "reasoning_details");
            }
            if (name == "summary") {
                return take(detail_summary, TextKind::text, at, true, "reasoning_details");
            }
            return unknown(name);
        });
        for (auto i = first; i < places_.size(); ++i) {
            places_[i].part = static_cast<std::uint32_t>(index.value_or(at));
        }
        return ok;
    }

    bool audio() {
        return each_member(scan_, [&](std::string_view name) {
            if (name == "data") return take_any(TextKind::binary, "audio");
            if (name == "transcript") {
                return take(transcript, TextKind::text, 0, true, "audio.transcript");
            }
            return unknown(name);
        });
    }

    // A string of a channel; anything else is no text.
    bool take(Member member, TextKind kind, std::uint32_t part, bool goes_on,
              std::string_view name) {
        llm::Text value;
        if (!take_text(scan_, value)) return false;
        if (value.exists()) places_.push_back({value.json, kind, 0, part, member, goes_on, name});
        return true;
    }

    bool unknown(std::string_view name) {
        if (is_no_text(name)) return scan_.skip_value(2);
        auto const kind = scan_.peek();
        if (kind == JsonKind::string) return take(other, TextKind::text, 0, false, "an extension");
        bool const is_container = kind == JsonKind::object || kind == JsonKind::array;
        return is_container ? take_any(TextKind::json, "an extension") : scan_.skip_value(2);
    }

    bool take_any(TextKind kind, std::string_view name) {
        bool const is_null = scan_.peek() == JsonKind::null;
        std::string_view json;
        if (!take_json(scan_, json)) return false;
        if (!is_null) places_.push_back({json, kind, 0, 0, other, false, name});
        return true;
    }

    JsonScanner scan_;
    std::vector<TextPlace>& places_;
};

// `event`: null for a whole answer.
bool read(std::string_view json, std::vector<TextPlace>& places, EventTexts* event) {
    Walk walk(json, places);
    auto& scan = walk.scan();
    scan.skip_space();
    if (scan.peek() != JsonKind::object) return false;
    return each_member(scan, [&](std::string_view name) {
        auto const kind = scan.peek();
        if (name == "choices" && kind == JsonKind::array) {
            return each_element(scan, [&] { return walk.choice(event); });
        }
        if (!event) return scan.skip_known_value();  // a reader has let the answer pass
        std::string_view value;
        if (!take_json(scan, value)) return false;
        bool const is_lead = name == "id" || name == "object" || name == "created" ||
                             name == "model" || name == "system_fingerprint";
        if (is_lead) {
            event->lead.append(event->lead.empty() ? "" : ",");
            append_json_string(event->lead, name);
            event->lead.append(":").append(value);
        }
        return true;
    });
}

bool read_event(std::string_view data, EventTexts& out) {
    if (data == "[DONE]") {
        out.ends_all = true;
        return true;
    }
    return read(data, out.places, &out);
}

bool read_whole(std::string_view body, std::vector<TextPlace>& out) {
    return read(body, out, nullptr);
}

void append_chunk(std::string& out, std::string_view lead, std::uint32_t choice,
                  std::string_view content, std::string_view finish) {
    out += "data: {";
    out += lead;
    if (!lead.empty()) out += ',';
    out += "\"choices\":[{\"index\":";
    append_number(out, choice);
    out.append(",").append(content).append(",\"finish_reason\":").append(finish).append("}]}\n\n");
}

void append_delta(std::string& out, std::string_view lead, TextPlace const& channel,
                  std::string_view quoted) {
    std::string delta;
    auto const indexed = [&](std::string_view before, std::string_view behind) {
        delta.append(before);
        append_number(delta, channel.part);
        delta.append(behind).append(quoted);
    };
    switch (channel.member) {
        case text:
            delta.append("\"text\":").append(quoted);
            return append_chunk(out, lead, channel.choice, delta, "null");
        case refusal:
            delta.append("\"refusal\":").append(quoted);
            break;
        case reasoning_content:
            delta.append("\"reasoning_content\":").append(quoted);
            break;
        case reasoning:
            delta.append("\"reasoning\":").append(quoted);
            break;
        case detail_text:
            indexed("\"reasoning_details\":[{\"type\":\"reasoning.text\",\"index\":", ",\"text\":");
            delta += "}]";
            break;
        case detail_summary:
            indexed("\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"index\":",
                    ",\"summary\":");
            delta += "}]";
            break;
        case call_arguments:
            indexed("\"tool_calls\":[{\"index\":", ",\"function\":{\"arguments\":");
            delta += "}}]";
            break;
        case call_input:
            indexed("\"tool_calls\":[{\"index\":", ",\"custom\":{\"input\":");
            delta += "}}]";
            break;
        case function_arguments:
            delta.append("\"function_call\":{\"arguments\":").append(quoted).append("}");
            break;
        case transcript:
            delta.append("\"audio\":{\"transcript\":").append(quoted).append("}");
            break;
        default:
            delta.append("\"content\":").append(quoted);
    }
    append_chunk(out, lead, channel.choice, "\"delta\":{" + delta + "}", "null");
}

void append_end(std::string& out, std::string_view lead, std::span<TextUnit const> open) {
    bool const is_legacy = lead.find("\"text_completion\"") != lead.npos;
    for (auto const& unit : open) {
        append_chunk(out, lead, unit.choice, is_legacy ? "\"text\":\"\"" : "\"delta\":{}",
                     "\"content_filter\"");
    }
    out += "data: [DONE]\n\n";
}

constexpr AnswerTexts texts{read_event, read_whole, append_delta, append_end};

}  // namespace

AnswerTexts const& answer_texts() noexcept { return texts; }

}  // namespace sluice::dialect::openai
