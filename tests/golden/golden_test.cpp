// The golden cases: tests/golden/dialect/<dialect>/<case>/ holds what goes in and what must come
// out.
//
//   request.json            -> facts.json + patched.json, or error.json when it is refused
//   stream.txt              -> frames.json
//   body.json               -> usage.json
//   refusal.<status>.txt    -> refusal.json
// Folders of pairings (<caller's dialect>_to_<provider's>) are pairing_test's.
// An optional `operation` says chat (the default), complete or embed. A new case needs no C++.
// SLUICE_GOLDEN_REWRITE=1 writes what came out instead of comparing it: read the diff.
#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "sluice/dialect.hpp"
#include "sluice/http.hpp"

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/openai_chat/openai_chat.hpp"
#include "golden/files.hpp"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using namespace golden;

std::map<std::string, Dialect const*> const& dialects() {
    static std::map<std::string, Dialect const*> const all{
        {"openai_chat", &dialect::openai_chat()}, {"anthropic", &dialect::anthropic_messages()}};
    return all;
}

char const* name_of(Retry retry) {
    return retry == Retry::no ? "no" : retry == Retry::same ? "same" : "next";
}

Json to_json(Error const& e) {
    return {{"code", to_string(e.code)}, {"origin", to_string(e.origin)},
            {"retry", name_of(e.retry)}, {"http_status", e.http_status},
            {"message", e.message},      {"detail", e.detail}};
}

Json to_json(std::optional<Span> const& span, std::string const& body) {
    if (!span) return nullptr;
    return body.substr(span->offset, span->length);
}

Json to_json(RequestFacts const& f, std::string const& body) {
    Json out{{"model", f.model},
             {"model_value", to_json(f.model_value, body)},
             {"stream", f.stream},
             {"wants_usage", f.wants_usage},
             {"stream_options", to_json(f.stream_options, body)},
             {"include_usage", to_json(f.include_usage, body)},
             {"stream_options_members", f.stream_options_members},
             {"first_member", f.first_member},
             {"root_is_empty", f.root_is_empty},
             {"max_output_tokens", nullptr},
             {"choices", f.choices},
             {"user", f.user},
             {"has_tools", f.has_tools}};
    if (f.max_output_tokens) out["max_output_tokens"] = *f.max_output_tokens;
    return out;
}

Json to_json(llm::Usage const& u) {
    return {{"reported", u.reported},
            {"input", u.input},
            {"cache_read", u.cache_read},
            {"cache_write", u.cache_write},
            {"audio_input", u.audio_input},
            {"output", u.output},
            {"reasoning", u.reasoning},
            {"audio_output", u.audio_output},
            {"raw", u.raw.text()}};
}

char const* name_of(FrameKind kind) {
    constexpr std::array<char const*, 6> names{"ping",  "begin", "content",
                                               "usage", "fault", "done"};
    return names.at(static_cast<std::size_t>(kind));
}

struct Kept final : FrameSink {
    void on_frame(Frame const& frame) override {
        frames.push_back({{"kind", name_of(frame.kind)}, {"raw", std::string{frame.raw}}});
    }
    Json frames = Json::array();
};

// What a machine says once it has seen the answer.
Json to_json(AnswerReader const& reader, Result<void> const& ended) {
    Json out{{"usage", to_json(reader.usage())},
             {"model", reader.model()},
             {"finish_reason", reader.finish_reason()},
             {"content_bytes", reader.content_bytes()},
             {"fault", nullptr},
             {"finish", "complete"}};
    if (reader.fault()) out["fault"] = to_json(*reader.fault());
    if (!ended) out["finish"] = to_json(ended.error());
    return out;
}

// The answer as a machine saw it, fed in pieces of `step` bytes.
Json read_answer(Codec const& codec, bool streamed, std::string const& bytes, std::size_t step) {
    Kept sink;
    auto const reader = codec.open_reader({streamed, 1 << 20});
    Result<void> fed;
    for (std::size_t at = 0; at < bytes.size() && fed; at += step) {
        fed = reader->feed(std::string_view{bytes}.substr(at, step), sink);
    }
    auto out = to_json(*reader, fed ? reader->finish(sink) : fed);
    if (streamed) {
        out["frames"] = sink.frames;
    } else if (step >= bytes.size()) {
        out["kind"] = sink.frames.empty() ? Json{} : sink.frames.at(0).at("kind");
    }
    return out;
}

// The same, given at once.
Json read_whole(Codec const& codec, bool streamed, std::string const& bytes) {
    Kept sink;
    auto const reader = codec.open_reader({streamed, 1 << 20});
    auto const ended = reader->read_whole(bytes, sink);
    auto out = to_json(*reader, ended);
    if (streamed) {
        out["frames"] = sink.frames;
    } else {
        out["kind"] = sink.frames.empty() ? Json{} : sink.frames.at(0).at("kind");
    }
    return out;
}

Operation operation_of(fs::path const& dir) {
    auto const text = read_file(dir / "operation");
    if (text.starts_with("complete")) return Operation::complete;
    return text.starts_with("embed") ? Operation::embed : Operation::chat;
}

void check_request(fs::path const& dir, Codec const& codec) {
    auto const text = read_file(dir / "request.json");
    auto const body = http::Body::copy_of(text);
    auto const facts = codec.read_request(body.view());
    if (!facts) {
        expect_json(dir / "error.json", to_json(facts.error()));
        EXPECT_FALSE(fs::exists(dir / "facts.json")) << "it was accepted before";
        return;
    }
    EXPECT_FALSE(fs::exists(dir / "error.json")) << "it was refused before";
    expect_json(dir / "facts.json", to_json(*facts, text));
    auto const patches = codec.patch_request(*facts, body.view(), "upstream-model", true);
    std::string patched;
    for (auto const piece : gather(body.view(), patches)) patched += piece;
    expect_bytes(dir / "patched.json", patched);
    EXPECT_TRUE(nlohmann::json::accept(patched)) << patched;
}

void check_stream(fs::path const& dir, Codec const& codec) {
    auto const bytes = read_file(dir / "stream.txt");
    auto const whole = read_answer(codec, true, bytes, std::max<std::size_t>(1, bytes.size()));
    expect_json(dir / "frames.json", whole);
    EXPECT_EQ(dump(read_whole(codec, true, bytes)), dump(whole));
    for (std::size_t step : {1, 2, 3, 7, 64}) {
        EXPECT_EQ(dump(read_answer(codec, true, bytes, step)), dump(whole)) << "step " << step;
    }
}

void check_body(fs::path const& dir, Codec const& codec) {
    auto const bytes = read_file(dir / "body.json");
    auto whole = read_answer(codec, false, bytes, std::max<std::size_t>(1, bytes.size()));
    expect_json(dir / "usage.json", whole);
    EXPECT_EQ(dump(read_whole(codec, false, bytes)), dump(whole));
    whole.erase("kind");
    for (std::size_t step : {1, 2, 3, 7, 64}) {
        if (step >= bytes.size()) continue;
        EXPECT_EQ(dump(read_answer(codec, false, bytes, step)), dump(whole)) << "step " << step;
    }
}

void check_refusal(fs::path const& dir, Dialect const& dialect) {
    for (auto const& file : fs::directory_iterator(dir)) {
        auto const name = file.path().filename().string();
        if (!name.starts_with("refusal.") || !name.ends_with(".txt")) continue;
        auto const status = static_cast<std::uint16_t>(std::stoi(name.substr(8)));
        expect_json(dir / "refusal.json",
                    to_json(dialect.read_error(status, read_file(file.path()))));
    }
}

struct Case {
    std::string dialect;
    std::string name;
};

std::vector<Case> cases() {
    std::vector<Case> all;
    for (auto const& dialect : fs::directory_iterator(root())) {
        if (!dialects().contains(dialect.path().filename().string())) continue;
        for (auto const& dir : fs::directory_iterator(dialect.path())) {
            all.push_back({dialect.path().filename().string(), dir.path().filename().string()});
        }
    }
    std::sort(all.begin(), all.end(), [](Case const& a, Case const& b) { return a.name < b.name; });
    return all;
}

class Golden : public testing::TestWithParam<Case> {};

TEST_P(Golden, Case) {
    auto const dir = root() / GetParam().dialect / GetParam().name;
    auto const& dialect = *dialects().at(GetParam().dialect);
    auto const& codec = *dialect.row.at(static_cast<std::size_t>(operation_of(dir)));
    if (fs::exists(dir / "request.json")) check_request(dir, codec);
    if (fs::exists(dir / "stream.txt")) check_stream(dir, codec);
    if (fs::exists(dir / "body.json")) check_body(dir, codec);
    check_refusal(dir, dialect);
}

INSTANTIATE_TEST_SUITE_P(Dialect, Golden, testing::ValuesIn(cases()),
                         [](auto const& row) { return row.param.dialect + "_" + row.param.name; });

TEST(GoldenCases, AreFound) { EXPECT_GT(cases().size(), 50U); }

}  // namespace
}  // namespace sluice
