// A stream under guardrails: events that differ by their text alone are known by what stands around
// it, and are guarded as if each were read anew.
#include "guard/answer_guard.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

#include "dialect/openai_chat/openai_chat.hpp"
#include "guard/find.hpp"

namespace sluice::guard {
namespace {

struct Collected final : FrameSink {
    void on_frame(Frame const& frame) override { text += frame.raw; }
    std::string text;
};

AnswerTexts const& openai_texts() { return *dialect::openai_chat().row[0]->texts; }

// How often an event was read.
std::size_t events_read = 0;
bool read_counted(std::string_view data, EventTexts& out) {
    ++events_read;
    return openai_texts().read_event(data, out);
}

class Guarded {
  public:
    Guarded() {
        Guard guard;
        guard.name = "g";
        guard.detect = {"email", "phone", "credit_card"};
        std::vector<Guard> guards;
        guards.push_back(std::move(guard));
        auto made = GuardBook::create(std::move(guards));
        EXPECT_TRUE(made.ok());
        book_ = std::move(*made);
        EXPECT_TRUE(book_->add(1).ok());
        texts_ = openai_texts();
        texts_.read_event = read_counted;
    }
    // The frames that come of these events; "(cut)" when the reader or the guard gives up.
    std::string pass(std::vector<std::string> const& events) {
        GuardRun run(*book_->find(1));
        auto const& codec = *dialect::openai_chat().row[0];
        AnswerGuard guard(codec.open_reader({true, 1 << 20}), texts_, run,
                          {true, 1 << 20, 1 << 26});
        Collected sink;
        events_read = 0;
        for (auto const& event : events) {
            if (!guard.feed("data: " + event + "\n\n", sink)) return sink.text + "(cut)";
        }
        if (!guard.finish(sink)) return sink.text + "(cut)";
        return sink.text;
    }

  private:
    std::unique_ptr<GuardBook> book_;
    AnswerTexts texts_;
};

// `mark`: a member that is no text, so that an event with another one is read anew.
std::string event(std::string_view delta, std::size_t mark, std::string_view finish = "null") {
    return R"({"id":"c","object":"chat.completion.chunk","created":)" + std::to_string(mark) +
           R"(,"model":"m","choices":[{"index":0,"delta":)" + std::string{delta} +
           R"(,"finish_reason":)" + std::string{finish} + "}]}";
}

// The same, and all marks alike in what comes out.
std::string unmarked(std::string text) {
    constexpr std::string_view name = "\"created\":";
    for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
        auto const from = at + name.size();
        text.replace(from, text.find(',', from) - from, "0");
    }
    return text;
}

// The texts of all frames, one after the other.
std::string contents(std::string_view frames) {
    std::string out;
    constexpr std::string_view lead = "data: ";
    for (std::size_t at = 0; (at = frames.find(lead, at)) != frames.npos;) {
        at += lead.size();
        auto const json = frames.substr(at, frames.find('\n', at) - at);
        if (json == "[DONE]") break;
        auto const choice = nlohmann::json::parse(json).at("choices").at(0);
        out += choice.at("delta").value("content", "");
    }
    return out;
}

TEST(AnswerGuard, ReadsEventsOfOneShapeOnce) {
    Guarded guarded;
    std::vector<std::string> events{event(R"({"role":"assistant","content":""})", 1)};
    for (int i = 0; i < 100; ++i) events.push_back(event(R"({"content":" word"})", 1));
    events.push_back(event("{}", 1, "\"stop\""));
    events.emplace_back("[DONE]");
    auto const out = guarded.pass(events);
    EXPECT_EQ(events_read, 4U);  // the first, the first word, the end, [DONE]
    std::string wanted;
    for (int i = 0; i < 100; ++i) wanted += " word";
    EXPECT_EQ(contents(out), wanted);
    EXPECT_TRUE(out.ends_with("data: [DONE]\n\n"));
}

TEST(AnswerGuard, EventsOfOneShapeAreGuardedAsIfReadAnew) {
    Guarded guarded;
    // Texts, and what looks like one and is none: more members, other kinds, broken strings.
    std::vector<std::string> const values{
        R"({"content":" word"})",
        R"({"content":""})",
        R"({"content":"ann@exam"})",
        R"({"content":"ple.com and"})",
        R"({"content":"\u0061nn@example.com \n\"quoted\""})",
        R"({"content":"a","refusal":"bob@example.com"})",
        R"({"content":"a","finish_reason":"x"})",
        R"({"content":null})",
        R"({"content":17})",
        R"({"content":{"text":"bob@example.com"}})",
        R"({"content":"4111 1111 1111 "})",
        R"({"content":"1111"})",
        R"({"content":"+1 202 555"})",
        R"({"content":" 0143\\"})",
        R"({"reasoning_content":"eve@example.com"})",
        R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":\"eve@"}}]})",
        R"({"tool_calls":[{"index":0,"function":{"arguments":"example.com\"}"}}]})",
        R"({"tool_calls":[{"index":1,"function":{"arguments":"{\"n\":1}"}}]})",
    };
    std::mt19937 random(7);
    std::size_t read_less = 0;
    for (int round = 0; round < 3000; ++round) {
        std::vector<std::string> alike, anew;
        auto const length = 1 + random() % 12;
        for (std::size_t i = 0; i < length; ++i) {
            // Twice in a row more often than by chance.
            auto const last = i > 0 && random() % 2 == 0;
            static std::size_t pick = 0;
            if (!last) pick = random() % values.size();
            alike.push_back(event(values[pick], 100));
            anew.push_back(event(values[pick], 100 + i));
        }
        if (random() % 4 != 0) {
            alike.push_back(event("{}", 100, "\"stop\""));
            anew.push_back(event("{}", 999, "\"stop\""));
        }
        auto const wanted = unmarked(guarded.pass(anew));
        auto const read_anew = events_read;
        ASSERT_EQ(unmarked(guarded.pass(alike)), wanted) << round;
        read_less += read_anew - events_read;
    }
    EXPECT_GT(read_less, 1000U);
}

// What ends or cuts an event's string early is no text of the same shape.
TEST(AnswerGuard, WhatIsNoStringIsReadAnew) {
    Guarded guarded;
    auto const good = event(R"({"content":"a"})", 1);
    for (std::string_view const bad :
         {R"({"content":"a)", R"({"content":"a"b"})", R"({"content":a"})", R"({"content":"\x"})",
          R"({"content":"\"})", "{\"content\":\"\n\"}", R"({"content":"a" "b"})"}) {
        auto const once = guarded.pass({event(bad, 1)});
        auto const after = guarded.pass({good, event(bad, 1)});
        EXPECT_TRUE(after.ends_with(once)) << bad << "\n" << after;
        EXPECT_NE(once, "") << bad;
    }
}

}  // namespace
}  // namespace sluice::guard
