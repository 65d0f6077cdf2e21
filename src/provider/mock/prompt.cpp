// Reads chat and completion requests, as leniently as real providers do: what is not understood is
// not looked at, what is needed and wrong is refused.
#include "provider/mock/prompt.hpp"

#include <algorithm>

namespace sluice::provider::mock {
namespace {

using nlohmann::json;

constexpr std::size_t token_bytes_max = 16;
constexpr std::size_t message_tokens = 3;
constexpr std::size_t image_tokens = 85;
constexpr std::size_t choices_max = 128;
constexpr std::size_t prompts_max = 64;

Error bad(std::string message) {
    return client_error(ErrorCode::invalid_request, 400, std::move(message));
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
bool is_utf8_tail(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// The end of the token that begins at `at`.
std::size_t token_end(std::string_view text, std::size_t at) {
    auto end = at;
    // One byte beyond the bound is enough to know that the word is longer.
    auto const stop = std::min(text.size(), at + token_bytes_max + 1);
    while (end < stop && is_space(text[end])) ++end;
    while (end < stop && !is_space(text[end])) ++end;
    if (end - at <= token_bytes_max) return end;
    end = at + token_bytes_max;
    while (end > at + 1 && is_utf8_tail(text[end])) --end;
    return end;
}

json const* find(json const& object, char const* name) {
    if (!object.is_object()) return nullptr;
    auto const at = object.find(name);
    return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::string text_of(json const& object, char const* name) {
    auto const* const value = find(object, name);
    return value && value->is_string() ? value->get<std::string>() : std::string{};
}

bool flag_of(json const& object, char const* name) {
    auto const* const value = find(object, name);
    return value && value->is_boolean() && value->get<bool>();
}

// A message's content, string or parts: its text, and what else was in it.
struct Content {
    std::string text;
    std::size_t images = 0;
    std::size_t audios = 0;
    std::size_t files = 0;
};

Content read_content(json const& message) {
    Content content;
    auto const* const value = find(message, "content");
    if (!value) return content;
    if (value->is_string()) content.text = value->get<std::string>();
    if (!value->is_array()) return content;
    for (auto const& part : *value) {
        auto const type = text_of(part, "type");
        if (type == "text") {
            if (!content.text.empty()) content.text += ' ';
            content.text += text_of(part, "text");
        }
        content.images += type == "image_url" ? 1 : 0;
        content.audios += type == "input_audio" ? 1 : 0;
        content.files += type == "file" ? 1 : 0;
    }
    return content;
}

void take_message(json const& message, Prompt& prompt) {
    auto const role = text_of(message, "role");
    auto content = read_content(message);
    auto const tokens = message_tokens + count_tokens(content.text) + image_tokens * content.images;
    prompt.prompt_tokens += tokens;
    if (role == "system" || role == "developer") prompt.cached_tokens += tokens;
    prompt.is_after_tool = role == "tool" || role == "function";
    if (prompt.is_after_tool) prompt.tool_result = content.text;
    if (role != "user") return;
    prompt.images = content.images;
    prompt.audios = content.audios;
    prompt.files = content.files;
    prompt.texts.front() = std::move(content.text);
}

Tool read_tool(json const& tool) {
    Tool read;
    read.is_custom = text_of(tool, "type") == "custom";
    auto const* const inner = find(tool, read.is_custom ? "custom" : "function");
    if (!inner) return read;
    read.name = text_of(*inner, "name");
    if (auto const* const parameters = find(*inner, "parameters")) read.parameters = *parameters;
    return read;
}

// The name a tool_choice or an entry of allowed_tools asks for; "" = any.
std::string chosen_name(json const& choice) {
    if (auto const* const named = find(choice, "function")) return text_of(*named, "name");
    if (auto const* const named = find(choice, "custom")) return text_of(*named, "name");
    auto const* const allowed = find(choice, "allowed_tools");
    auto const* const tools = allowed ? find(*allowed, "tools") : nullptr;
    if (tools && tools->is_array() && !tools->empty()) return chosen_name(tools->front());
    return {};
}

Result<void> choose_tool(json const& body, Prompt& prompt) {
    auto const* const tools = find(body, "tools");
    if (!tools || !tools->is_array() || tools->empty() || prompt.is_after_tool) return {};
    auto const* const choice = find(body, "tool_choice");
    if (choice && choice->is_string() && *choice == "none") return {};
    auto const name = choice ? chosen_name(*choice) : std::string{};
    for (auto const& tool : *tools) {
        auto read = read_tool(tool);
        if (!name.empty() && read.name != name) continue;
        if (read.name.empty()) return bad("tools: each needs a name");
        prompt.tool = std::move(read);
        return {};
    }
    return bad("tool_choice: there is no tool '" + name.substr(0, 64) + "' among tools");
}

Result<void> read_format(json const& body, Prompt& prompt) {
    auto const* const format = find(body, "response_format");
    if (!format) return {};
    auto const type = text_of(*format, "type");
    prompt.wants_json = type == "json_object" || type == "json_schema";
    if (type != "json_schema") return {};
    auto const* const named = find(*format, "json_schema");
    auto const* const schema = named ? find(*named, "schema") : nullptr;
    if (!schema || !schema->is_object()) {
        return bad("response_format.json_schema.schema: an object is needed");
    }
    prompt.schema = *schema;
    return {};
}

Result<std::optional<std::size_t>> read_count(json const& body, char const* name,
                                              std::size_t most) {
    auto const* const value = find(body, name);
    if (!value) return std::optional<std::size_t>{};
    if (!value->is_number_unsigned() || value->get<std::size_t>() < 1 ||
        value->get<std::size_t>() > most) {
        return bad(std::string{name} + ": a whole number from 1 to " + std::to_string(most) +
                   " is needed");
    }
    return std::optional<std::size_t>{value->get<std::size_t>()};
}

void read_stop(json const& body, Prompt& prompt) {
    auto const* const stop = find(body, "stop");
    if (!stop) return;
    if (stop->is_string()) prompt.stop.push_back(stop->get<std::string>());
    if (!stop->is_array()) return;
    for (auto const& one : *stop) {
        if (one.is_string() && prompt.stop.size() < 4) prompt.stop.push_back(one);
    }
}

// What chat and legacy requests share.
Result<void> read_common(json const& body, Prompt& prompt) {
    if (!body.is_object()) return bad("the body must be a JSON object");
    prompt.model = text_of(body, "model");
    if (prompt.model.empty()) return bad("you must provide a model parameter");
    prompt.stream = flag_of(body, "stream");
    if (auto const* const options = find(body, "stream_options")) {
        prompt.include_usage = flag_of(*options, "include_usage");
    }
    auto n = read_count(body, "n", choices_max);
    if (!n.ok()) return std::move(n).error();
    prompt.n = n->value_or(1);
    for (auto const* name : {"max_tokens", "max_completion_tokens"}) {
        auto most = read_count(body, name, 100'000'000);
        if (!most.ok()) return std::move(most).error();
        if (most->has_value()) prompt.tokens_max = **most;
    }
    read_stop(body, prompt);
    return {};
}

std::string prompt_text(json const& prompt) {
    if (prompt.is_string()) return prompt.get<std::string>();
    return "(" + std::to_string(prompt.size()) + " tokens)";
}

bool is_array_of_numbers(json const& value) {
    return value.is_array() && !value.empty() && value.front().is_number();
}

}  // namespace

std::vector<std::string_view> tokens_of(std::string_view text) {
    std::vector<std::string_view> tokens;
    for (std::size_t at = 0; at < text.size();) {
        auto const end = token_end(text, at);
        tokens.push_back(text.substr(at, end - at));
        at = end;
    }
    return tokens;
}

std::string_view first_token(std::string_view text) { return text.substr(0, token_end(text, 0)); }

std::size_t count_tokens(std::string_view text) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); ++count) at = token_end(text, at);
    return count;
}

Result<Prompt> read_chat(nlohmann::json const& body) {
    Prompt prompt;
    auto common = read_common(body, prompt);
    if (!common.ok()) return std::move(common).error();
    auto const* const messages = find(body, "messages");
    if (!messages || !messages->is_array() || messages->empty()) {
        return bad("messages: an array with at least one message is needed");
    }
    prompt.texts.emplace_back();
    for (auto const& message : *messages) {
        if (!message.is_object()) return bad("messages: each must be an object");
        take_message(message, prompt);
    }
    auto chosen = choose_tool(body, prompt);
    if (!chosen.ok()) return std::move(chosen).error();
    auto format = read_format(body, prompt);
    if (!format.ok()) return std::move(format).error();
    return prompt;
}

Result<Prompt> read_completion(nlohmann::json const& body) {
    Prompt prompt;
    prompt.is_chat = false;
    auto common = read_common(body, prompt);
    if (!common.ok()) return std::move(common).error();
    prompt.echo = flag_of(body, "echo");
    auto const* const asked = find(body, "prompt");
    if (!asked || asked->is_string() || is_array_of_numbers(*asked)) {
        prompt.texts.push_back(asked ? prompt_text(*asked) : std::string{});
    } else if (asked->is_array() && asked->size() <= prompts_max) {
        for (auto const& one : *asked) prompt.texts.push_back(prompt_text(one));
    } else {
        return bad("prompt: a string, tokens, or an array of at most " +
                   std::to_string(prompts_max) + " of them is needed");
    }
    for (auto const& text : prompt.texts) prompt.prompt_tokens += count_tokens(text);
    return prompt;
}

}  // namespace sluice::provider::mock
