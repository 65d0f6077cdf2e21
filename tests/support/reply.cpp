// Replies and wire texts of the scripted upstream. See fake_upstream.hpp.
#include <fmt/format.h>

#include "support/fake_upstream.hpp"

namespace sluice::test {

namespace {

std::string head_of(int status, Headers const& headers, std::string_view content_type,
                    std::string_view framing) {
    std::string head = fmt::format("HTTP/1.1 {} Scripted\r\n", status);
    if (!content_type.empty()) head += fmt::format("Content-Type: {}\r\n", content_type);
    for (auto const& [name, value] : headers) head += fmt::format("{}: {}\r\n", name, value);
    return head + std::string(framing) + "\r\n";
}

}  // namespace

Reply& Reply::send(std::string bytes) {
    steps.push_back({Step::Kind::send, std::move(bytes), {}, {}});
    return *this;
}
Reply& Reply::pause(milliseconds d) {
    steps.push_back({Step::Kind::pause, {}, d, {}});
    return *this;
}
Reply& Reply::wait(std::shared_ptr<Event> event) {
    steps.push_back({Step::Kind::wait, {}, {}, std::move(event)});
    return *this;
}
Reply& Reply::fin() {
    steps.push_back({Step::Kind::fin, {}, {}, {}});
    return *this;
}
Reply& Reply::reset() {
    steps.push_back({Step::Kind::reset, {}, {}, {}});
    return *this;
}
Reply& Reply::silence() {
    steps.push_back({Step::Kind::silence, {}, {}, {}});
    return *this;
}
Reply& Reply::forever(std::string bytes, milliseconds every) {
    steps.push_back({Step::Kind::forever, std::move(bytes), every, {}});
    return *this;
}
Reply& Reply::chunk(std::string_view payload) {
    return send(fmt::format("{:x}\r\n{}\r\n", payload.size(), payload));
}
Reply& Reply::chunks(std::vector<std::string> const& payloads, milliseconds every) {
    for (auto const& payload : payloads) {
        chunk(payload);
        if (every.count() > 0) pause(every);
    }
    return *this;
}
Reply& Reply::last_chunk() { return send("0\r\n\r\n"); }
Reply& Reply::tokens(std::int64_t input, std::int64_t output) {
    input_tokens = input;
    output_tokens = output;
    return *this;
}
Reply& Reply::in_pieces(std::uint32_t piece_seed, std::size_t max) {
    seed = piece_seed;
    piece_max = max;
    return *this;
}

Reply Reply::raw(std::string bytes) { return Reply().send(std::move(bytes)); }

Reply Reply::whole(int status, std::string_view body, Headers const& headers,
                   std::string_view content_type) {
    auto const length = fmt::format("Content-Length: {}\r\n", body.size());
    return raw(head_of(status, headers, content_type, length) + std::string(body));
}

Reply Reply::chunked(int status, Headers const& headers, std::string_view content_type) {
    return raw(head_of(status, headers, content_type, "Transfer-Encoding: chunked\r\n"));
}

Reply Reply::until_close(int status, Headers const& headers, std::string_view content_type) {
    return raw(head_of(status, headers, content_type, ""));
}

Reply Reply::events(std::vector<std::string> const& frames, milliseconds every) {
    return chunked().chunks(frames, every).last_chunk();
}

Reply Reply::error(int status, std::string_view code, std::string_view message,
                   Headers const& headers) {
    auto const body = fmt::format(
        R"({{"error":{{"message":"{}","type":"upstream_kind","param":null,"code":"{}"}}}})",
        message, code);
    return whole(status, body, headers);
}

std::string chat_answer(std::string_view text, int prompt_tokens, int completion_tokens,
                        std::string_view model) {
    return fmt::format(
        R"({{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"{}","choices":[)"
        R"({{"index":0,"message":{{"role":"assistant","content":"{}","refusal":null}},)"
        R"("logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":{},)"
        R"("completion_tokens":{},"total_tokens":{}}},"service_tier":"default"}})",
        model, text, prompt_tokens, completion_tokens, prompt_tokens + completion_tokens);
}

std::string chat_frame(std::string_view delta_json, std::string_view finish) {
    return fmt::format(
        R"(data: {{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-1",)"
        R"("choices":[{{"index":0,"delta":{},"logprobs":null,"finish_reason":{}}}],"usage":null}})"
        "\n\n",
        delta_json, finish);
}

std::string text_frame(std::string_view text) {
    return chat_frame(fmt::format(R"({{"content":"{}"}})", text));
}

std::string usage_frame(int prompt_tokens, int completion_tokens) {
    return fmt::format(
        R"(data: {{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m-1",)"
        R"("choices":[],"usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}}}})"
        "\n\n",
        prompt_tokens, completion_tokens, prompt_tokens + completion_tokens);
}

std::vector<std::string> chat_stream(int n, bool usage) {
    std::vector<std::string> frames{chat_frame(R"({"role":"assistant","content":""})")};
    for (int i = 0; i < n; ++i) frames.push_back(text_frame(fmt::format("w{} ", i)));
    frames.push_back(chat_frame("{}", R"("stop")"));
    if (usage) frames.push_back(usage_frame());
    frames.push_back(done_frame);
    return frames;
}

}  // namespace sluice::test
