// The golden cases of translation: tests/golden/dialect/<caller's>_to_<provider's>/<case>/ holds
// one exchange.
//
//   request.json              what the caller sends
//   -> upstream_request.json  what the provider is sent, or error.json when it is refused
//   -> losses.txt             what could not be carried, where there is something
//   upstream.json | .sse      what the provider answers
//   -> answer.json | .sse     what the caller gets: a stream where it asked for one
//   -> usage.json             what is booked
//   upstream.<status>.json    or its refusal -> refusal.json
//   rules.json                what is known of the model: output_max, sampling, prefill, schema,
//   thinking
//
// A new case needs no C++. SLUICE_GOLDEN_REWRITE=1 writes what came out: read the diff.
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sluice/dialect.hpp"
#include "sluice/http.hpp"

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/common/translator.hpp"
#include "dialect/openai_chat/openai_chat.hpp"
#include "golden/files.hpp"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using namespace golden;

struct Pairing {
    Dialect const* caller;
    Dialect const* provider;
};

std::map<std::string, Pairing> const& pairings() {
    static std::map<std::string, Pairing> const all{
        {"openai_chat_to_anthropic", {&dialect::openai_chat(), &dialect::anthropic_messages()}},
        {"anthropic_to_openai_chat", {&dialect::anthropic_messages(), &dialect::openai_chat()}}};
    return all;
}

std::optional<llm::ModelRules> rules_of(Path const& dir) {
    if (!fs::exists(dir / "rules.json")) return std::nullopt;
    auto const json = nlohmann::json::parse(read_file(dir / "rules.json"));
    llm::ModelRules rules;
    if (json.contains("output_max")) rules.output_tokens_max = json.at("output_max");
    rules.takes_sampling = json.value("sampling", true);
    rules.takes_prefill = json.value("prefill", true);
    rules.takes_schema = json.value("schema", true);
    auto const thinking = json.value("thinking", "effort");
    rules.thinking = thinking == "none"     ? llm::ThinkingStyle::none
                     : thinking == "budget" ? llm::ThinkingStyle::budget
                                            : llm::ThinkingStyle::effort;
    return rules;
}

// A file that is there, or not, as `text` says something or not.
void expect_text(Path const& path, std::string const& text) {
    if (!text.empty()) return expect_bytes(path, text + "\n");
    if (is_rewriting()) fs::remove(path);
    EXPECT_FALSE(fs::exists(path)) << path << " is not so any more";
}

std::string joined_lines(Losses const& losses) {
    std::string out;
    for (auto const& name : losses.names()) out.append(out.empty() ? "" : "\n").append(name);
    return out;
}

Json told(Error const& error, Dialect const& caller) {
    return {{"code", to_string(error.code)},
            {"origin", to_string(error.origin)},
            {"http_status", error.http_status},
            {"body", Json::parse(caller.write_error(error, "01ID"))}};
}

// What the caller asked, as far as the answer depends on it.
struct Asked {
    bool stream = false;
    bool wants_usage = false;
    bool is_refused = false;
};

Asked check_request(Path const& dir, Pairing const& pairing) {
    auto const body = http::Body::copy_of(read_file(dir / "request.json"));
    auto const facts = pairing.caller->row[0]->read_request(body.view());
    if (!facts) {
        expect_json(dir / "error.json", told(facts.error(), *pairing.caller));
        return {false, false, true};
    }
    auto const request = pairing.caller->row[0]->chat->read_chat(body.view());
    auto const rules = rules_of(dir);
    Losses losses;
    llm::TargetView target;
    target.model = "upstream-model";
    target.ask_usage = true;
    target.rules = rules ? &*rules : nullptr;
    Result<std::string> written =
        request ? pairing.provider->row[0]->chat->write_chat(*request, target, losses)
                : Result<std::string>{request.error()};
    expect_text(dir / "losses.txt", joined_lines(losses));
    if (!written) {
        expect_json(dir / "error.json", told(written.error(), *pairing.caller));
        return {facts->stream, facts->wants_usage, true};
    }
    EXPECT_FALSE(fs::exists(dir / "error.json")) << "it was refused before";
    expect_json(dir / "upstream_request.json", Json::parse(*written));
    return {facts->stream, facts->wants_usage, false};
}

struct Heard final : FrameSink {
    void on_frame(Frame const& frame) override { text += frame.raw; }
    std::string text;
};

struct Translated {
    std::string text;
    std::string losses;
    Json usage;
    std::optional<Error> error;

    bool operator==(Translated const& other) const {
        return text == other.text && losses == other.losses && usage == other.usage &&
               error.has_value() == other.error.has_value();
    }
};

Translated translate(Pairing const& pairing, Asked const& asked, bool streamed,
                     std::string const& bytes, std::size_t step) {
    dialect::TranslationOptions options;
    options.from_stream = streamed;
    options.to_stream = asked.stream;
    options.writer = {"asked-model", "01ID", 1700000000, asked.wants_usage};
    Losses losses;
    auto const reader = dialect::open_translator(*pairing.provider->row[0]->chat,
                                                 *pairing.caller->row[0]->chat, options, losses);
    Heard heard;
    Result<void> result;
    for (std::size_t at = 0; at < bytes.size() && result; at += step) {
        result = reader->feed(std::string_view{bytes}.substr(at, step), heard);
    }
    if (result) result = reader->finish(heard);
    auto const& u = reader->usage();
    Translated out{heard.text,
                   joined_lines(losses),
                   {{"input", u.input},
                    {"cache_read", u.cache_read},
                    {"cache_write", u.cache_write},
                    {"output", u.output},
                    {"reasoning", u.reasoning},
                    {"service_tier", u.service_tier},
                    {"finish_reason", reader->finish_reason()}},
                   {}};
    if (!result) out.error = result.error();
    if (result && reader->fault()) out.error = *reader->fault();
    return out;
}

void check_answer(Path const& dir, Pairing const& pairing, Asked const& asked) {
    bool const streamed = fs::exists(dir / "upstream.sse");
    auto const bytes = read_file(dir / (streamed ? "upstream.sse" : "upstream.json"));
    auto const got = translate(pairing, asked, streamed, bytes, bytes.size());
    for (std::size_t const step : {1, 2, 3, 7, 64, 1000}) {
        EXPECT_EQ(translate(pairing, asked, streamed, bytes, step), got) << "in steps of " << step;
    }
    expect_text(dir / "answer_losses.txt", got.losses);
    auto usage = got.usage;
    if (got.error) usage["error"] = told(*got.error, *pairing.caller);
    expect_json(dir / "usage.json", usage);
    if (asked.stream) {
        expect_bytes(dir / "answer.sse", got.text);
    } else if (!got.error) {
        expect_json(dir / "answer.json", Json::parse(got.text));
    }
}

void check_refusal(Path const& dir, Pairing const& pairing) {
    for (auto const& file : fs::directory_iterator(dir)) {
        auto const name = file.path().filename().string();
        if (!name.starts_with("upstream.") || name.size() != 17) continue;  // upstream.400.json
        auto const status = static_cast<std::uint16_t>(std::stoi(name.substr(9)));
        auto const error = pairing.provider->read_error(status, read_file(file.path()));
        expect_json(dir / "refusal.json", told(error, *pairing.caller));
    }
}

struct Case {
    std::string pairing;
    std::string name;
};

std::vector<Case> cases() {
    std::vector<Case> all;
    for (auto const& [pairing, dialects] : pairings()) {
        for (auto const& dir : fs::directory_iterator(root() / pairing)) {
            all.push_back({pairing, dir.path().filename().string()});
        }
    }
    std::sort(all.begin(), all.end(), [](Case const& a, Case const& b) { return a.name < b.name; });
    return all;
}

class GoldenPairing : public testing::TestWithParam<Case> {};

TEST_P(GoldenPairing, Case) {
    auto const dir = root() / GetParam().pairing / GetParam().name;
    auto const& pairing = pairings().at(GetParam().pairing);
    auto const asked = check_request(dir, pairing);
    bool const is_answered = fs::exists(dir / "upstream.json") || fs::exists(dir / "upstream.sse");
    EXPECT_FALSE(asked.is_refused && is_answered) << "what was refused is not answered";
    if (is_answered) check_answer(dir, pairing, asked);
    check_refusal(dir, pairing);
}

INSTANTIATE_TEST_SUITE_P(Dialect, GoldenPairing, testing::ValuesIn(cases()),
                         [](auto const& row) { return row.param.pairing + "_" + row.param.name; });

TEST(GoldenPairings, HaveTheirCases) {
    auto const all = cases();
    for (auto const& [pairing, dialects] : pairings()) {
        auto const count = std::count_if(all.begin(), all.end(),
                                         [&](Case const& one) { return one.pairing == pairing; });
        EXPECT_GE(count, 10) << pairing;
    }
}

}  // namespace
}  // namespace sluice
