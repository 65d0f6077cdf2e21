// Bodies for the micro-benchmarks: prose with dates, numbers and addresses, the shape of recorded
// requests and chunks.
#pragma once

#include <string>

namespace bench {

inline std::string prose(std::size_t bytes) {
    static constexpr char const* sentences[] = {
        R"(The invoice was moved to 07 June 2024 at 12 Harbour Street, Leith, and costs 48,210 euros, \"as agreed\". )",
        R"(Our last call is due on 21 March 2026 at Königsallee 41, Düsseldorf, for 310 pieces at 17.95 each. )",
        R"(A new contract was signed on 03 October 2025, see page 77,\nparagraph 4, which is 8.31 % more than before. )",
        R"(Her report arrived on 15 June 2023 at 221 Baker Street, London, according to Maria Oduya (ext. 214). )"};
    std::string text;
    for (std::size_t i = 0; text.size() < bytes; ++i) text += sentences[i % 4];
    return text;
}

inline std::string request_body(std::size_t bytes) {
    return R"({"model": "gpt-4o-mini", "messages": [{"role": "system", "content": "You answer shortly."}, )"
           R"({"role": "user", "content": ")" +
           prose(bytes - 200) + R"("}], "temperature": 0.2, "max_tokens": 512})";
}

inline std::string answer_body(std::size_t bytes) {
    return R"({"id":"chatcmpl-BbenchQ8vZ2kT5nYw3","object":"chat.completion","created":1763800000,)"
           R"("model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":")" +
           prose(bytes - 500) +
           R"(","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":231,)"
           R"("completion_tokens":112,"total_tokens":343,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},)"
           R"("completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"service_tier":"default"})";
}

inline std::string stream_event(int i) {
    return R"(data: {"id":"chatcmpl-BbenchQ8vZ2kT5nYw3","object":"chat.completion.chunk","created":1763800000,)"
           R"("model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_560af6e559",)"
           R"("choices":[{"index":0,"delta":{"content":" word )" +
           std::to_string(i) + R"( of it"},"logprobs":null,"finish_reason":null}],"usage":null})" +
           "\n\n";
}

// The same of the anthropic dialect.
inline std::string message_body(std::size_t bytes) {
    return R"({"id":"msg_01BenchQ8vZ2kT5nYw3","type":"message","role":"assistant","model":"claude-sonnet-4-5",)"
           R"("content":[{"type":"text","text":")" +
           prose(bytes - 400) +
           R"("}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":231,)"
           R"("cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":112,"service_tier":"standard"}})";
}

inline std::string message_begin() {
    return "event: message_start\n"
           R"(data: {"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"c","content":[]}})"
           "\n\nevent: content_block_start\n"
           R"(data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})"
           "\n\n";
}

inline std::string message_event(int i) {
    return "event: content_block_delta\n"
           R"(data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word )" +
           std::to_string(i) + " of it\"}}\n\n";
}

}  // namespace bench
