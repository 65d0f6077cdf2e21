// Requests and answers through the machines of two dialects, for the tests beside it.
#pragma once

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/common/translator.hpp"
#include "dialect/openai_chat/openai_chat.hpp"

namespace sluice::dialect {

using Json = nlohmann::json;

inline ChatMachines const& openai_machines() { return *openai_chat().row[0]->chat; }
inline ChatMachines const& anthropic_machines() { return *anthropic_messages().row[0]->chat; }

struct Sent {
    Json body;
    std::string losses;
    std::string error;
};

inline Sent send(Dialect const& from, Dialect const& to, std::string const& body,
                 llm::ModelRules const* rules = nullptr) {
    auto facts = from.row[0]->read_request(body);
    if (!facts) return {{}, {}, facts.error().message};
    auto request = from.row[0]->chat->read_chat(body);
    if (!request) return {{}, {}, request.error().message};
    Losses losses;
    llm::TargetView target;
    target.model = "target";
    target.ask_usage = true;
    target.rules = rules;
    auto written = to.row[0]->chat->write_chat(*request, target, losses);
    if (!written) return {{}, losses.joined(), written.error().message};
    EXPECT_TRUE(Json::accept(*written)) << *written;
    return {Json::parse(*written), losses.joined(), {}};
}

inline Sent to_anthropic(std::string const& body, llm::ModelRules const* rules = nullptr) {
    return send(openai_chat(), anthropic_messages(), body, rules);
}
inline Sent to_openai(std::string const& body) {
    return send(anthropic_messages(), openai_chat(), body);
}

class Frames final : public FrameSink {
  public:
    void on_frame(Frame const& frame) override {
        text += frame.raw;
        last = frame.kind;
        if (frame.kind == FrameKind::content || frame.kind == FrameKind::done) spoke = true;
    }
    std::string text;
    FrameKind last = FrameKind::ping;
    bool spoke = false;
};

struct Got {
    std::string text;
    std::string losses;
    llm::Usage usage;
    std::optional<Error> error;
};

inline Got translate(ChatMachines const& from, ChatMachines const& to, bool from_stream,
                     bool to_stream, std::string const& body,
                     std::vector<std::size_t> const& cuts = {}) {
    TranslationOptions options;
    options.from_stream = from_stream;
    options.to_stream = to_stream;
    options.writer = {"asked", "01ID", 1700000000, true};
    Losses losses;
    auto const reader = open_translator(from, to, options, losses);
    Frames frames;
    Got got;
    std::size_t at = 0;
    auto const feed = [&](std::size_t end) {
        auto fed = reader->feed(std::string_view{body}.substr(at, end - at), frames);
        if (!fed && !got.error) got.error = fed.error();
        at = end;
    };
    for (auto const cut : cuts) feed(cut);
    feed(body.size());
    if (!got.error) {
        auto const finished = reader->finish(frames);
        if (!finished) got.error = finished.error();
    }
    if (reader->fault() && !got.error) got.error = *reader->fault();
    got.text = frames.text;
    got.losses = losses.joined();
    got.usage = reader->usage();
    return got;
}

inline std::vector<Json> data_of(std::string const& stream) {
    std::vector<Json> all;
    std::size_t at = 0;
    while ((at = stream.find("data: ", at)) != stream.npos) {
        auto const end = stream.find('\n', at);
        auto const text = stream.substr(at + 6, end - at - 6);
        if (text != "[DONE]") all.push_back(Json::parse(text));
        at = end;
    }
    return all;
}

// One chunk of an openai_chat stream.
inline std::string chunk(std::string const& delta, std::string const& finish = "null",
                         int index = 0) {
    return "data: "
           "{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\","
           "\"choices\":[{\"index\":" +
           std::to_string(index) + ",\"delta\":" + delta + ",\"finish_reason\":" + finish +
           "}]}\n\n";
}

}  // namespace sluice::dialect
