// JSON by appending: a stream's frames share a prebuilt head and differ in a few bytes.
#include "provider/mock/write.hpp"

#include <algorithm>

#include "base/json_text.hpp"

namespace sluice::provider::mock {
namespace {

constexpr std::size_t argument_bytes = 8;  // of a call's arguments in a frame
constexpr std::size_t garbage_bytes = 40;  // where a frame is cut to be no JSON

void append_usage(std::string& out, Answer const& answer) {
    out += "{\"prompt_tokens\":";
    append_number(out, answer.prompt_tokens);
    out += ",\"completion_tokens\":";
    append_number(out, answer.completion_tokens);
    out += ",\"total_tokens\":";
    append_number(out, answer.prompt_tokens + answer.completion_tokens);
    out += ",\"prompt_tokens_details\":{\"cached_tokens\":";
    append_number(out, answer.cached_tokens);
    out +=
        ",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,"
        "\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
        "\"rejected_prediction_tokens\":0}}";
}

void append_envelope(std::string& out, Answer const& answer, std::string_view object) {
    out += "{\"id\":";
    append_json_string(out, answer.id);
    out += ",\"object\":\"";
    out += object;
    out += "\",\"created\":";
    append_number(out, answer.created);
    out += ",\"model\":";
    append_json_string(out, answer.model);
    out += ",\"choices\":[";
}

void append_call(std::string& out, ToolCall const& call) {
    out += "{\"id\":";
    append_json_string(out, call.id);
    out += call.is_custom ? ",\"type\":\"custom\",\"custom\":{\"name\":"
                          : ",\"type\":\"function\",\"function\":{\"name\":";
    append_json_string(out, call.name);
    out += call.is_custom ? ",\"input\":" : ",\"arguments\":";
    append_json_string(out, call.arguments);
    out += "}}";
}

void append_message(std::string& out, Choice const& choice) {
    out += "\"message\":{\"role\":\"assistant\",\"content\":";
    if (choice.call) {
        out += "null,\"refusal\":null,\"tool_calls\":[";
        append_call(out, *choice.call);
        out += ']';
    } else {
        append_json_string(out, choice.text);
        out += ",\"refusal\":null,\"annotations\":[]";
    }
    out += '}';
}

std::string_view error_type(std::uint16_t status) {
    switch (status) {
        case 401:
            return "authentication_error";
        case 403:
            return "permission_error";
        case 429:
            return "rate_limit_error";
        case 503:
            return "service_unavailable_error";
        default:
            return status >= 500 ? "server_error" : "invalid_request_error";
    }
}

bool is_utf8_tail(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string write_body(Answer const& answer, bool with_usage) {
    std::string out;
    append_envelope(out, answer, answer.is_chat ? "chat.completion" : "text_completion");
    for (std::size_t i = 0; i < answer.choices.size(); ++i) {
        auto const& choice = answer.choices[i];
        if (i > 0) out += ',';
        out += "{\"index\":";
        append_number(out, i);
        out += ',';
        if (answer.is_chat) {
            append_message(out, choice);
        } else {
            out += "\"text\":";
            append_json_string(out, choice.text);
        }
        out += ",\"logprobs\":null,\"finish_reason\":\"";
        out += choice.finish_reason;
        out += "\"}";
    }
    out += ']';
    if (with_usage) {
        out += ",\"usage\":";
        append_usage(out, answer);
    }
    out += '}';
    return out;
}

std::string write_error(std::uint16_t status, std::string_view message, std::string_view code) {
    std::string out = "{\"error\":{\"message\":";
    append_json_string(out, message);
    out += ",\"type\":\"";
    out += error_type(status);
    out += "\",\"param\":null,\"code\":";
    if (code.empty()) {
        out += "null";
    } else {
        append_json_string(out, code);
    }
    out += "}}";
    return out;
}

Frames::Frames(Answer const& answer, StreamOptions const& options)
    : answer_(answer),
      options_(options),
      offsets_(answer.choices.size()),
      begun_(answer.choices.size()) {
    head_ = "data: ";
    append_envelope(head_, answer, answer.is_chat ? "chat.completion.chunk" : "text_completion");
    if (!answer.is_chat) phase_ = Phase::content;  // the legacy stream has no role frame
}

bool Frames::next(std::string& frame) {
    frame.clear();
    while (true) {
        switch (phase_) {
            case Phase::role:
                write_role(frame);
                next_choice(Phase::content);
                return true;
            case Phase::content:
                if (write_content(frame)) return true;
                phase_ = Phase::finish;
                choice_ = 0;
                break;
            case Phase::finish:
                write_finish(frame);
                next_choice(Phase::usage);
                return true;
            case Phase::usage:
                phase_ = Phase::done;
                if (!options_.with_usage) break;
                write_usage_frame(frame);
                return true;
            case Phase::done:
                phase_ = Phase::end;
                if (!options_.with_done) break;
                frame = "data: [DONE]\n\n";
                return true;
            case Phase::end:
                return false;
        }
    }
}

bool Frames::next_choice(Phase after) {
    if (++choice_ < answer_.choices.size()) return true;
    choice_ = 0;
    phase_ = after;
    return false;
}

void Frames::append_head(std::string& frame, std::size_t choice) const {
    frame += head_;
    frame += "{\"index\":";
    append_number(frame, choice);
    frame += answer_.is_chat ? ",\"delta\":{" : ",\"text\":";
}

void Frames::append_tail(std::string& frame, std::string_view finish_reason) const {
    if (answer_.is_chat) frame += '}';
    frame += ",\"logprobs\":null,\"finish_reason\":";
    if (finish_reason.empty()) {
        frame += "null";
    } else {
        frame += '"';
        frame += finish_reason;
        frame += '"';
    }
    frame += options_.with_usage ? "}],\"usage\":null}\n\n" : "}]}\n\n";
}

void Frames::write_role(std::string& frame) const {
    append_head(frame, choice_);
    frame += "\"role\":\"assistant\",\"content\":";
    frame += answer_.choices[choice_].call ? "null" : "\"\"";
    frame += ",\"refusal\":null";
    append_tail(frame, {});
}

void Frames::write_finish(std::string& frame) const {
    append_head(frame, choice_);
    if (!answer_.is_chat) frame += "\"\"";
    append_tail(frame, answer_.choices[choice_].finish_reason);
}

void Frames::write_usage_frame(std::string& frame) const {
    frame += head_;
    frame += "],\"usage\":";
    append_usage(frame, answer_);
    frame += "}\n\n";
}

// The next piece of whichever choice's turn it is; false when all have ended.
bool Frames::write_content(std::string& frame) {
    for (std::size_t tried = 0; tried < answer_.choices.size(); ++tried) {
        auto const choice = choice_;
        choice_ = (choice_ + 1) % answer_.choices.size();
        bool const first_of_call = answer_.choices[choice].call && !begun_[choice];
        auto const piece = first_of_call ? std::string_view{} : take_piece(choice);
        if (piece.empty() && !first_of_call) continue;
        if (answer_.choices[choice].call) {
            write_call(frame, choice, piece, first_of_call);
            begun_[choice] = true;
        } else if (first_content_ && options_.huge_bytes > 0) {
            write_text(frame, choice, std::string(options_.huge_bytes, 'x'));
            offsets_[choice] -= piece.size();
        } else {
            write_text(frame, choice, piece);
        }
        if (options_.garbage && first_content_) {
            frame.resize(std::min(frame.size(), garbage_bytes));
            frame += "\n\n";
        }
        first_content_ = false;
        return true;
    }
    return false;
}

std::string_view Frames::take_piece(std::size_t choice) {
    auto const& call = answer_.choices[choice].call;
    std::string_view const all = call ? call->arguments : answer_.choices[choice].text;
    auto& offset = offsets_[choice];
    auto const rest = all.substr(offset);
    if (rest.empty()) return {};
    std::size_t size = rest.size();
    if (call || options_.chunk_bytes > 0) {
        size = std::min(size, call ? argument_bytes : options_.chunk_bytes);
        // Never inside a character, however small the pieces.
        while (size < rest.size() && is_utf8_tail(rest[size])) ++size;
    } else {
        size = first_token(rest).size();
    }
    offset += size;
    return rest.substr(0, size);
}

void Frames::write_text(std::string& frame, std::size_t choice, std::string_view piece) const {
    append_head(frame, choice);
    if (answer_.is_chat) frame += "\"content\":";
    append_json_string(frame, piece);
    append_tail(frame, {});
}

void Frames::write_call(std::string& frame, std::size_t choice, std::string_view piece,
                        bool first) const {
    auto const& call = *answer_.choices[choice].call;
    append_head(frame, choice);
    frame += "\"tool_calls\":[{\"index\":0";
    if (first) {
        frame += ",\"id\":";
        append_json_string(frame, call.id);
        frame += call.is_custom ? ",\"type\":\"custom\"" : ",\"type\":\"function\"";
    }
    frame += call.is_custom ? ",\"custom\":{" : ",\"function\":{";
    if (first) {
        frame += "\"name\":";
        append_json_string(frame, call.name);
        frame += ',';
    }
    frame += call.is_custom ? "\"input\":" : "\"arguments\":";
    append_json_string(frame, piece);
    frame += "}}]";
    append_tail(frame, {});
}

}  // namespace sluice::provider::mock
