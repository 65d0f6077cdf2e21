// Every recorded answer, cut every way: the same frames, kinds and usage, and no byte lost.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <string>
#include <vector>
#include <zlib.h>

#include "codec/base64.hpp"
#include "codec/sse.hpp"
#include "dialect/openai_chat/openai_chat.hpp"

namespace sluice {
namespace {

using Json = nlohmann::json;

std::string shared_data(std::string const& name) {
    if (auto const* const set = std::getenv("SLUICE_SHARED_DATA")) return set + ("/" + name);
    return std::string{SLUICE_SOURCE_DIR} + "/../shared/data/" + name;
}

// A file, gunzipped when it is one; "" when absent.
std::string read_data(std::string const& name) {
    std::string text;
    auto* const file = gzopen(shared_data(name).c_str(), "rb");
    if (file == nullptr) return text;
    std::vector<char> room(1 << 16);
    for (int got = 0; (got = gzread(file, room.data(), static_cast<unsigned>(room.size()))) > 0;) {
        text.append(room.data(), static_cast<std::size_t>(got));
    }
    gzclose(file);
    return text;
}

std::vector<Json> rows_of(std::string const& name) {
    std::vector<Json> rows;
    std::istringstream lines(read_data(name));
    for (std::string line; std::getline(lines, line);) rows.push_back(Json::parse(line));
    if (rows.empty()) std::cout << "NOTE: " << name << " is not there; it was not checked\n";
    return rows;
}

struct Recorded {
    std::string name;
    bool streamed = false;
    std::string body;
};

// Some recordings keep the events only, one JSON text a line: give them their frames back.
std::string as_stream(std::string const& body) {
    if (body.find("data:") != std::string::npos) return body;
    std::string out;
    std::istringstream lines(body);
    for (std::string line; std::getline(lines, line);) {
        if (!line.empty()) out += "data: " + line + "\n\n";
    }
    return out + "data: [DONE]\n\n";
}

void add_vercel(std::vector<Recorded>& all) {
    for (auto const& row : rows_of("provider-responses-vercel.jsonl.gz")) {
        auto const streamed = row.at("stream").get<bool>();
        auto const body = row.at("body").get<std::string>();
        all.push_back({"vercel " + row.at("file").get<std::string>(), streamed,
                       streamed ? as_stream(body) : body});
    }
}

void add_edges(std::vector<Recorded>& all) {
    for (auto const& row : rows_of("provider-edge-fixtures-kong-apisix.jsonl")) {
        auto const body = row.contains("body")
                              ? row.at("body").get<std::string>()
                              : codec::from_base64(row.at("body_b64").get<std::string>()).value();
        auto const name = "edge " + row.at("file").get<std::string>();
        all.push_back({name, body.find("data:") != std::string::npos, body});
        // A reader must stand whatever it is given.
        all.push_back({name + " (the other reader)", !all.back().streamed, body});
    }
}

void add_vcr(std::vector<Recorded>& all) {
    for (auto const& row : rows_of("translate-openai-vcr-recordings.jsonl")) {
        if (!row.at("response_body").is_string()) continue;
        auto const body = row.at("response_body").get<std::string>();
        all.push_back(
            {"vcr " + row.at("cassette").get<std::string>(), body.starts_with("data:"), body});
    }
}

std::vector<Recorded> const& recorded() {
    static std::vector<Recorded> const all = [] {
        std::vector<Recorded> list;
        add_vercel(list);
        add_edges(list);
        add_vcr(list);
        return list;
    }();
    return all;
}

// Everything a reader said, as one text, so that two readings compare cheaply.
struct Reading final : FrameSink {
    void on_frame(Frame const& frame) override {
        bytes += frame.raw;
        kinds += static_cast<char>('0' + static_cast<int>(frame.kind));
        lengths += std::to_string(frame.raw.size()) + ",";
    }
    std::string bytes;
    std::string kinds;
    std::string lengths;
    std::string verdict;
};

std::unique_ptr<AnswerReader> reader_of(Recorded const& given) {
    return dialect::openai_chat().row[0]->open_reader({given.streamed, std::size_t{1} << 20});
}

std::string verdict_of(AnswerReader const& reader, Result<void> const& result) {
    auto const& u = reader.usage();
    auto verdict =
        Json{u.reported, u.input,     u.cache_read,   u.cache_write, u.audio_input,
             u.output,   u.reasoning, u.audio_output, u.raw.text(),  reader.content_bytes()}
            .dump(-1, ' ', false, Json::error_handler_t::replace);
    verdict += std::string{reader.model()} + "|" + std::string{reader.finish_reason()};
    if (auto const& fault = reader.fault()) {
        verdict += std::string{to_string(fault->code)} + fault->message + fault->detail;
    }
    return verdict + (result ? "|complete"
                             : "|" + std::string{to_string(result.error().code)} +
                                   result.error().message + result.error().detail);
}

Reading read(Recorded const& given, std::vector<std::size_t> const& cuts) {
    Reading reading;
    auto const reader = reader_of(given);
    Result<void> result;
    std::size_t from = 0;
    auto const feed = [&](std::size_t to) {
        if (result) {
            result = reader->feed(std::string_view{given.body}.substr(from, to - from), reading);
        }
        from = to;
    };
    for (auto const cut : cuts) feed(cut);
    feed(given.body.size());
    if (result) result = reader->finish(reading);
    reading.verdict = verdict_of(*reader, result);
    return reading;
}

Reading read_whole(Recorded const& given) {
    Reading reading;
    auto const reader = reader_of(given);
    auto const result = reader->read_whole(given.body, reading);
    reading.verdict = verdict_of(*reader, result);
    return reading;
}

void expect_whole_same(Recorded const& given) {
    auto const fed = read(given, {});
    auto const whole = read_whole(given);
    ASSERT_EQ(fed.verdict, whole.verdict) << given.name << "\n" << given.body.substr(0, 2000);
    ASSERT_EQ(fed.kinds, whole.kinds) << given.name << "\n" << given.body.substr(0, 2000);
    ASSERT_EQ(fed.lengths, whole.lengths) << given.name;
    ASSERT_EQ(fed.bytes, whole.bytes) << given.name;
}

void expect_same(Recorded const& given, Reading const& whole, Reading const& cut) {
    ASSERT_EQ(whole.verdict, cut.verdict) << given.name;
    ASSERT_EQ(whole.bytes, cut.bytes) << given.name;
    if (given.streamed) {
        ASSERT_EQ(whole.kinds, cut.kinds) << given.name;
        ASSERT_EQ(whole.lengths, cut.lengths) << given.name;
    }
}

// What the reader lets out is the input, but for a tail that no frame came of.
void expect_no_byte_lost(Recorded const& given, Reading const& whole) {
    ASSERT_TRUE(given.body.starts_with(whole.bytes)) << given.name;
    if (!given.streamed) {
        ASSERT_EQ(given.body, whole.bytes) << given.name;
        return;
    }
    auto const tail = std::string_view{given.body}.substr(whole.bytes.size());
    codec::SseFramer framer(std::size_t{1} << 20);
    ASSERT_TRUE(framer.feed(tail, [&](codec::SseFrame const& frame) {
        ADD_FAILURE() << given.name << " lost a whole frame: " << frame.raw;
    }));
}

TEST(RecordedAnswers, AreThere) {
    if (recorded().empty()) GTEST_SKIP() << "no shared data";
    EXPECT_GT(recorded().size(), 300U);
}

TEST(RecordedAnswers, ReadTheSameUnderEveryTwoWaySplit) {
    constexpr std::size_t splits_max = 150;  // of a long body a sample, ends included
    for (auto const& given : recorded()) {
        auto const whole = read(given, {});
        expect_no_byte_lost(given, whole);
        auto const step = given.body.size() / splits_max + 1;
        for (std::size_t at = 0; at <= given.body.size(); at += step) {
            expect_same(given, whole, read(given, {at}));
            if (HasFatalFailure()) return;
        }
    }
}

TEST(RecordedAnswers, ReadTheSameByteByByte) {
    for (auto const& given : recorded()) {
        std::vector<std::size_t> cuts(given.body.size());
        for (std::size_t i = 0; i < cuts.size(); ++i) cuts[i] = i;
        expect_same(given, read(given, {}), read(given, cuts));
        if (HasFatalFailure()) return;
    }
}

TEST(RecordedAnswers, ReadTheSameUnderRandomSplits) {
    std::mt19937 random(11);
    for (auto const& given : recorded()) {
        auto const whole = read(given, {});
        auto const rounds = given.body.size() < 20000 ? 200 : 20;
        for (int round = 0; round < rounds; ++round) {
            std::vector<std::size_t> cuts;
            auto const reach = 1 + random() % (given.body.size() / 3 + 1);
            for (std::size_t at = random() % reach; at < given.body.size();
                 at += 1 + random() % reach) {
                cuts.push_back(at);
            }
            expect_same(given, whole, read(given, cuts));
            if (HasFatalFailure()) return;
        }
    }
}

// Bodies whose names and values stand where a reader may take them for something else.
std::vector<Recorded> odd_bodies() {
    std::vector<Recorded> all;
    for (
        std::string const body : {
            R"({})",
            R"([])",
            R"("text")",
            R"(7)",
            R"( )",
            R"(null)",
            R"({"choices":"text","model":"m"})",
            R"({"choices":[{"finish_reason":null},["abc"]],"usage":{"total_tokens":3}})",
            R"({"choices":[{"text":["a","b\n\u00e9"],"x":{"content":"c"}},"counted","too"]})",
            R"({"choices":{"a":{"finish_reason":"stop","name":"n"}}})",
            R"({"choices":[{"finish_reason":""},{"finish_reason":"length"}],"model":"a","model":"b"})",
            R"({"choices":[{"message":{"content":"\ud83d\ude00 \"q\" \\","arguments":"{}"}}]})",
            R"({"choices":[{"message":{"content":"half \ud83d"}}],"usage":{"total_tokens":1}})",
            R"({"choices":[{"\u0074ext":"abc","n":01}]})",
            R"({"usage":{"prompt_tokens":1.5.5,"total_tokens":2},"choices":[]})",
            R"({"usage":null,"usage":{"prompt_tokens":1},"usage":[1],"choices":[-]})",
            R"({"error":null,"object":"error","model":7})",
            R"({"error":{},"choices":[]})",
            R"({"error":"a","error":{"message":"b","code":"c"}})",
            R"({"model":"m"}x)",
            R"({"model":"m","choices":[{"text":"\u0009)",
            R"({"model":"m",})",
            "{\"m\x01\":1}",
            "{\"usage\":{\"total_tokens\":2,\"x\":\"\xff\"},\"choices\":[{\"text\":\"\xfe\"}]}",
        }) {
        all.push_back({"odd " + body, false, body});
    }
    // Names of 17 letters, all written as escapes, are longer than what is looked for.
    std::string name;
    for (char const c : std::string_view{"reasoning_content"}) {
        constexpr char hex[] = "0123456789abcdef";
        name += "\\u00";
        name += hex[c >> 4];
        name += hex[c & 15];
    }
    all.push_back({"a long name", false, R"({"choices":[{")" + name + R"(":"abc"}]})"});
    auto const big = std::string(20000, 'y');
    all.push_back({"big", false,
                   R"({"usage":{"total_tokens":1,"x":")" + big + R"("},"error":")" + big +
                       R"(","choices":[{"finish_reason":")" + big + "\"}]}"});
    for (int const depth : {127, 128, 129}) {
        auto const open = std::string(static_cast<std::size_t>(depth - 1), '[');
        auto const close = std::string(static_cast<std::size_t>(depth - 1), ']');
        all.push_back({"deep", false, R"({"choices":)" + open + close + "}"});
        all.push_back({"deep", false, R"({"usage":)" + open + close + "}"});
    }
    return all;
}

TEST(WholeAnswers, ReadAsWhenFed) {
    for (auto const& given : odd_bodies()) {
        expect_whole_same(given);
        if (HasFatalFailure()) return;
    }
    for (auto const& given : recorded()) {
        expect_whole_same(given);
        if (HasFatalFailure()) return;
    }
}

// Bytes swapped, cut and written over: whatever comes of it reads the same both ways.
TEST(WholeAnswers, ReadAsWhenFedAlsoWhenDamaged) {
    std::mt19937 random(7);
    constexpr std::string_view bytes = "\"\\{}[]:,0-.eE truefalsn\n\x01\xffu";
    auto all = odd_bodies();
    for (auto const& given : recorded()) {
        if (!given.streamed && given.body.size() < 4000) all.push_back(given);
    }
    for (auto& given : all) {
        auto const sound = given.body;
        for (int round = 0; round < 200; ++round) {
            given.body = sound;
            for (auto edits = 1 + random() % 3; edits > 0 && !given.body.empty(); --edits) {
                auto const at = random() % given.body.size();
                switch (random() % 4) {
                    case 0:
                        given.body[at] = bytes[random() % bytes.size()];
                        break;
                    case 1:
                        given.body.erase(at, 1 + random() % 8);
                        break;
                    case 2:
                        given.body.insert(at, given.body.substr(random() % given.body.size(), 12));
                        break;
                    default:
                        std::swap(given.body[at], given.body[random() % given.body.size()]);
                }
            }
            expect_whole_same(given);
            if (HasFatalFailure()) return;
        }
    }
}

// A reader may remember how chunks begin. With a different beginning each time it cannot, and still
// tells the same of each frame, in the recorded order and in any other.
TEST(RecordedAnswers, ChunksReadTheSameWhateverCameBefore) {
    std::mt19937 random(3);
    std::size_t checked = 0;
    for (auto const& given : recorded()) {
        std::vector<std::string> frames;
        codec::SseFramer framer(std::size_t{1} << 20);
        framer.feed(given.body, [&](auto const& frame) { frames.emplace_back(frame.raw); });
        if (!given.streamed || frames.empty()) continue;
        for (int round = 0; round < 3; ++round) {
            Recorded plain{given.name, true, {}};
            Recorded spaced{given.name, true, {}};
            for (std::size_t i = 0; i < frames.size(); ++i) {
                auto frame = frames[i];
                plain.body += frame;
                if (frame.starts_with("data: {")) frame.insert(7, i % 2 == 0 ? " " : "  ");
                spaced.body += frame;
            }
            auto const a = read(plain, {});
            auto const b = read(spaced, {});
            ASSERT_EQ(a.kinds, b.kinds) << given.name;
            ASSERT_EQ(a.verdict, b.verdict) << given.name;
            std::shuffle(frames.begin(), frames.end(), random);
        }
        ++checked;
    }
    if (recorded().empty()) GTEST_SKIP() << "no shared data";
    EXPECT_GT(checked, 100U);
}

// The usage that stands in a recording is the usage that is read.
TEST(RecordedAnswers, UnaryUsageIsWhatTheBodySays) {
    std::size_t checked = 0;
    for (auto const& given : recorded()) {
        auto const body = Json::parse(given.body, nullptr, false);
        if (given.streamed || !body.is_object() || !body.contains("choices")) continue;
        auto const usage = body.value("usage", Json{});
        if (!usage.is_object() || !usage.contains("completion_tokens")) continue;
        Reading sink;
        auto const reader = dialect::openai_chat().row[0]->open_reader({false});
        ASSERT_TRUE(reader->feed(given.body, sink));
        ASSERT_TRUE(reader->finish(sink)) << given.name;
        EXPECT_GE(reader->usage().input, usage.at("prompt_tokens").get<std::int64_t>());
        EXPECT_GE(reader->usage().output, usage.at("completion_tokens").get<std::int64_t>());
        EXPECT_EQ(Json::parse(reader->usage().raw.text()), usage) << given.name;
        EXPECT_FALSE(reader->fault()) << given.name;
        EXPECT_EQ(sink.kinds, "2") << given.name << ": one piece of content";
        ++checked;
    }
    if (recorded().empty()) GTEST_SKIP() << "no shared data";
    EXPECT_GT(checked, 20U);
}

}  // namespace
}  // namespace sluice
