// What bench_mock says in a stream, in the two dialects: whole HTTP chunks, made once at the start.
// Called by mock.cpp.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire.hpp"

namespace bench {

inline std::string as_chunk(std::string_view payload) {
    char size[24];
    auto const length = std::snprintf(size, sizeof size, "%zx\r\n", payload.size());
    return std::string(size, static_cast<std::size_t>(length)).append(payload).append("\r\n");
}

// What the chunks of `bytes` hold, their framing left out; `bytes` begins at a chunk's size.
inline std::size_t payload_bytes(std::string_view bytes) {
    std::size_t sum = 0;
    while (!bytes.empty()) {
        auto const size = std::strtoul(std::string(bytes.substr(0, 16)).c_str(), nullptr, 16);
        sum += size;
        auto const framed = bytes.find("\r\n") + 2 + size + 2;
        bytes.remove_prefix(std::min(bytes.size(), framed));
    }
    return sum;
}

constexpr std::string_view stamp_text = "@0000000000000000000";

// A chunk whose text holds "@" and 19 digits: the moment it is sent.
class StampedChunk {
  public:
    explicit StampedChunk(std::string chunk)
        : chunk_(std::move(chunk)),
          at_(chunk_.find(stamp_text) + 1),
          payload_bytes_(bench::payload_bytes(chunk_)) {}
    std::string_view now() {
        char digits[24];
        std::snprintf(digits, sizeof digits, "%019lld", static_cast<long long>(now_ns()));
        chunk_.replace(at_, 19, digits, 19);
        return chunk_;
    }
    [[nodiscard]] std::size_t payload_bytes() const { return payload_bytes_; }

  private:
    std::string chunk_;
    std::size_t at_;
    std::size_t payload_bytes_;
};

// Chunks that are always the same, with a head before them or without.
struct FixedChunks {
    explicit FixedChunks(std::string chunks, std::string_view head = "")
        : payload(payload_bytes(chunks)), bytes(std::string(head) + chunks) {}
    std::size_t payload;
    std::string bytes;
};

// A stream's parts. A planted stream says `half` and `rest` in place of two chunks: the match is
// cut where they meet.
struct Words {
    FixedChunks begin;
    StampedChunk delta;
    StampedChunk half;
    StampedChunk rest;
    FixedChunks end;
    FixedChunks end_with_usage;
};

constexpr std::size_t plant_cut = 14;

inline constexpr std::string_view stream_head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: "
    "no-cache\r\nx-request-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n";

template <class Delta>
Words words_of(std::string begin, Delta delta, std::string end, std::string end_with_usage) {
    auto const stamp = std::string(stamp_text);
    return {FixedChunks(std::move(begin), stream_head),
            StampedChunk(delta(stamp + " and so on ")),
            StampedChunk(delta(stamp + " of " + std::string(plant.substr(0, plant_cut)))),
            StampedChunk(delta(std::string(plant.substr(plant_cut)) + ", " + stamp + " so ")),
            FixedChunks(std::move(end)),
            FixedChunks(std::move(end_with_usage))};
}

inline Words openai_words() {
    auto const event = [](std::string_view rest) {
        return as_chunk(
            R"(data: {"id":"chatcmpl-BbenchQ8vZ2kT5nYw3","object":"chat.completion.chunk","created":1763800000,)"
            R"("model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_560af6e559",)" +
            std::string(rest) + "}\n\n");
    };
    auto const delta = [&](std::string const& text) {
        return event(R"("choices":[{"index":0,"delta":{"content":")" + text +
                     R"("},"logprobs":null,"finish_reason":null}],"usage":null)");
    };
    auto const last = event(
        R"("choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null)");
    auto const usage = event(
        R"("choices":[],"usage":{"prompt_tokens":231,"completion_tokens":512,"total_tokens":743,)"
        R"("prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":)"
        R"({"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}})");
    auto const end = as_chunk("data: [DONE]\n\n") + "0\r\n\r\n";
    return words_of("", delta, last + end, last + usage + end);
}

inline Words anthropic_words() {
    auto const event = [](std::string const& name, std::string const& rest) {
        return as_chunk("event: " + name + "\ndata: {\"type\":\"" + name + "\"" + rest + "}\n\n");
    };
    auto const delta = [&](std::string const& text) {
        return event("content_block_delta",
                     R"(,"index":0,"delta":{"type":"text_delta","text":")" + text + R"("})");
    };
    auto const begin =
        event(
            "message_start",
            R"(,"message":{"id":"msg_01BenchQ8vZ2kT5nYw3","type":"message","role":"assistant",)"
            R"("model":"claude-sonnet-4-5-20250929","content":[],"stop_reason":null,"stop_sequence":null,)"
            R"("usage":{"input_tokens":231,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,)"
            R"("output_tokens":1,"service_tier":"standard"}})") +
        event("content_block_start", R"(,"index":0,"content_block":{"type":"text","text":""})");
    auto const end =
        event("content_block_stop", R"(,"index":0)") +
        event("message_delta", R"(,"delta":{"stop_reason":"end_turn","stop_sequence":null},)"
                               R"("usage":{"output_tokens":512})") +
        event("message_stop", "") + "0\r\n\r\n";
    return words_of(begin, delta, end, end);
}

}  // namespace bench
