// The mock's words. Text begins with "[sluice mock]" and repeats what the user said, unless JSON
// was asked for or a tool is called.
#include "provider/mock/answer.hpp"

#include <algorithm>

#include "provider/mock/schema_instance.hpp"

namespace sluice::provider::mock {
namespace {

constexpr std::string_view mark = "[sluice mock]";
constexpr std::size_t echo_bytes_max = 8 * 1024;

bool is_utf8_tail(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string_view cut(std::string_view text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    while (bytes_max > 0 && is_utf8_tail(text[bytes_max])) --bytes_max;
    return text.substr(0, bytes_max);
}

std::string echoed(std::string_view text) {
    auto const part = cut(text, echo_bytes_max);
    return std::string{part} + (part.size() < text.size() ? "…" : "");
}

void append_count(std::string& to, std::size_t count, std::string_view noun) {
    if (count == 0) return;
    to += " (";
    to += std::to_string(count);
    to += ' ';
    to += noun;
    if (count > 1) to += 's';
    to += ')';
}

std::string json_text(Prompt const& prompt, std::string const& said) {
    if (prompt.schema) return instance_of(*prompt.schema, "mock").dump();
    nlohmann::json const object = {{"sluice_mock", true}, {"you_said", said}};
    return object.dump();
}

std::string chat_text(Prompt const& prompt) {
    auto const said = echoed(prompt.texts.front());
    if (prompt.wants_json) return json_text(prompt, said);
    std::string text{mark};
    if (prompt.is_after_tool) {
        text += " The tool answered: " + echoed(prompt.tool_result);
        return text;
    }
    text += " You said: " + said;
    append_count(text, prompt.images, "image");
    append_count(text, prompt.audios, "audio clip");
    append_count(text, prompt.files, "file");
    return text;
}

std::string completion_text(Prompt const& prompt, std::string const& asked) {
    auto text = std::string{mark} + " You said: " + echoed(asked);
    return prompt.echo ? asked + text : text;
}

// As long as the instructions want it: the words again and again, or fewer of them.
std::string sized(std::string text, Instructions const& instructions) {
    std::size_t bytes = 0;
    if (instructions.text_bytes) {
        bytes = static_cast<std::size_t>(*instructions.text_bytes);
    } else if (instructions.chunks && instructions.chunk_bytes) {
        bytes = static_cast<std::size_t>(std::min(*instructions.chunks * *instructions.chunk_bytes,
                                                  std::int64_t{64} * 1024 * 1024));
    }
    if (bytes > 0) {
        std::string const once = text + ' ';
        text.reserve(bytes + once.size());
        for (text += ' '; text.size() < bytes;) text += once;
        text.resize(cut(text, bytes).size());
        return text;
    }
    if (!instructions.chunks) return text;
    // So many words: the first ones, or all of them and more.
    while (!text.empty() && text.find_last_of(" \t\r\n") == text.size() - 1) text.pop_back();
    auto const tokens = tokens_of(text);
    auto const wanted = static_cast<std::size_t>(*instructions.chunks);
    if (tokens.size() >= wanted) {
        auto const& last = tokens[wanted - 1];
        text.resize(static_cast<std::size_t>(last.data() + last.size() - text.data()));
        return text;
    }
    for (auto count = tokens.size(); count < wanted; ++count) text += " more";
    return text;
}

void apply_stop(Prompt const& prompt, Choice& choice) {
    auto const from = choice.text.starts_with(mark) ? mark.size() : 0;
    auto first = std::string::npos;
    for (auto const& stop : prompt.stop) {
        if (!stop.empty()) first = std::min(first, choice.text.find(stop, from));
    }
    if (first != std::string::npos) choice.text.resize(first);
}

// Returns the tokens of the choice.
std::size_t apply_limit(Prompt const& prompt, Choice& choice) {
    auto const tokens = tokens_of(choice.text);
    if (!prompt.tokens_max || tokens.size() <= *prompt.tokens_max) return tokens.size();
    auto const& last = tokens[*prompt.tokens_max - 1];
    choice.text.resize(static_cast<std::size_t>(last.data() + last.size() - choice.text.data()));
    choice.finish_reason = "length";
    return *prompt.tokens_max;
}

std::string hex(std::uint64_t value) {
    std::string text(16, '0');
    for (auto at = text.size(); at-- > 0; value >>= 4) text[at] = "0123456789abcdef"[value & 15];
    return text;
}

Choice tool_choice(Tool const& tool, std::uint64_t seed, std::size_t index) {
    ToolCall call;
    call.id = "call_mock" + hex(seed + index);
    call.is_custom = tool.is_custom;
    call.name = tool.name;
    call.arguments = tool.is_custom ? "mock" : instance_of(tool.parameters, "mock").dump();
    return {{}, std::move(call), "tool_calls"};
}

Choice text_choice(Prompt const& prompt, Instructions const& instructions,
                   std::string const& asked) {
    auto text = prompt.is_chat ? chat_text(prompt) : completion_text(prompt, asked);
    if (!prompt.wants_json) text = sized(std::move(text), instructions);
    Choice choice{std::move(text), std::nullopt, "stop"};
    apply_stop(prompt, choice);
    return choice;
}

}  // namespace

std::uint64_t hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return hash;
}

Answer answer(Prompt const& prompt, Instructions const& instructions, std::uint64_t seed,
              std::int64_t created) {
    Answer made;
    made.is_chat = prompt.is_chat;
    made.id = (prompt.is_chat ? "chatcmpl-mock" : "cmpl-mock") + hex(seed);
    made.created = created;
    made.model = prompt.model;
    made.prompt_tokens = prompt.prompt_tokens;
    made.cached_tokens = prompt.cached_tokens;
    for (auto const& asked : prompt.texts) {
        for (std::size_t i = 0; i < prompt.n; ++i) {
            auto choice = prompt.tool ? tool_choice(*prompt.tool, seed, i)
                                      : text_choice(prompt, instructions, asked);
            made.completion_tokens +=
                choice.call ? count_tokens(choice.call->arguments) : apply_limit(prompt, choice);
            made.choices.push_back(std::move(choice));
        }
    }
    return made;
}

}  // namespace sluice::provider::mock
