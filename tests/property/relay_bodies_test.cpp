// Recorded bodies through the running relay: what the provider gets is what the caller sent but for
// the patches, what the caller gets is what the provider sent but for the usage frame it did not
// ask for, however the bytes were cut on their way. The recordings are found in ../shared/data or
// in SLUICE_SHARED_DATA; without them the tests skip.
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <sstream>
#include <zlib.h>

#include "support/gateway.hpp"

namespace sluice::test {
namespace {

using nlohmann::json;

std::filesystem::path data_dir() {
    if (char const* named = std::getenv("SLUICE_SHARED_DATA")) return named;
    return std::filesystem::path(SLUICE_SOURCE_DIR) / ".." / "shared" / "data";
}

// The lines of a .jsonl or .jsonl.gz file; empty when it is not there.
std::vector<json> rows(std::string const& name) {
    std::string text;
    if (gzFile file = gzopen((data_dir() / name).c_str(), "rb")) {  // reads plain files, too
        std::array<char, 65536> buffer;
        for (int n = 0; (n = gzread(file, buffer.data(), buffer.size())) > 0;) {
            text.append(buffer.data(), static_cast<std::size_t>(n));
        }
        gzclose(file);
    }
    std::vector<json> all;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) all.push_back(json::parse(line));
    return all;
}

bool is_usage_only(json const& chunk) {
    return chunk.is_object() && chunk.contains("choices") && chunk["choices"].is_array() &&
           chunk["choices"].empty() && chunk.contains("usage") && chunk["usage"].is_object();
}

struct Recorded {
    std::string name;
    bool stream = false;
    std::string body;           // as the provider sends it
    std::string without_usage;  // as a caller gets it who did not ask for usage
    json usage;                 // the last one told, null when none was
};

// The recorded chat answers of providers that speak the OpenAI dialect.
std::vector<Recorded> recorded_chats() {
    std::vector<Recorded> all;
    for (auto const& row : rows("provider-responses-vercel.jsonl.gz")) {
        Recorded one;
        one.name = row["file"].get<std::string>();
        one.stream = row["stream"].get<bool>();
        auto const text = row["body"].get<std::string>();
        if (!one.stream) {
            auto const body = json::parse(text, nullptr, false);
            if (!body.is_object() || body.value("object", json()) != "chat.completion") continue;
            one.body = one.without_usage = text;
            one.usage = body.value("usage", json());
            all.push_back(std::move(one));
            continue;
        }
        bool is_chat = true;
        std::istringstream lines(text);
        for (std::string line; is_chat && std::getline(lines, line);) {
            if (line.empty()) continue;
            auto const chunk = json::parse(line, nullptr, false);
            is_chat = chunk.is_object() && chunk.contains("choices");
            if (!is_chat) break;
            auto const frame = "data: " + line + "\n\n";
            one.body += frame;
            if (!is_usage_only(chunk)) one.without_usage += frame;
            if (chunk.contains("usage") && chunk["usage"].is_object()) one.usage = chunk["usage"];
        }
        if (!is_chat || one.body.empty()) continue;
        one.body += done_frame;
        one.without_usage += done_frame;
        all.push_back(std::move(one));
    }
    return all;
}

Reply answer_of(Recorded const& one, std::uint32_t seed, std::size_t piece_max) {
    Reply reply;
    reply.in_pieces(seed, piece_max);
    // Chunks of the transfer coding are cut at random as well, and never where frames end.
    std::mt19937 random(seed);
    auto head = Reply::chunked(200, {}, one.stream ? "text/event-stream" : "application/json");
    reply.send(std::move(head.steps[0].bytes));
    std::string_view rest = one.body;
    while (!rest.empty()) {
        auto const n = std::min<std::size_t>(rest.size(), 1 + random() % 3000);
        reply.chunk(rest.substr(0, n));
        rest.remove_prefix(n);
    }
    return reply.last_chunk();
}

// Sends in pieces on a connection of its own.
Answer send_in_pieces(std::uint16_t port, Request const& request, std::uint32_t seed) {
    std::mt19937 random(seed);
    RawClient client(port);
    auto const wire = to_wire(request);
    for (std::string_view rest = wire; !rest.empty();) {
        auto const n = std::min<std::size_t>(rest.size(), 1 + random() % 700);
        client.send(rest.substr(0, n));
        rest.remove_prefix(n);
    }
    return client.read_answer();
}

class RelayBodies : public testing::Test {
  protected:
    void TearDown() override {
        if (!gateway) return;
        EXPECT_TRUE(gateway->wait_until_quiet());
        gateway->stop();
        EXPECT_EQ(gateway->records().size(), sent);
        EXPECT_TRUE(upstream.wait_for_open(0));
    }
    void start() {
        GatewayConfig config;
        config.defaults = "retry: {attempts_max: 1}, health: {failures_in_a_row: 0}";
        config.routes = "  \"*\": up\n";
        gateway = std::make_unique<Gateway>(config, upstream);
    }

    FakeUpstream upstream;
    std::unique_ptr<Gateway> gateway;
    std::size_t sent = 0;
};

TEST_F(RelayBodies, RecordedAnswersPassInAnySplit) {
    auto const answers = recorded_chats();
    if (answers.empty()) GTEST_SKIP() << "no recordings in " << data_dir();
    ASSERT_GE(answers.size(), 20U);
    start();
    std::uint32_t seed = 1;
    for (auto const& one : answers) {
        for (std::size_t const piece_max :
             {std::size_t{0}, std::size_t{1}, std::size_t{9}, std::size_t{1500}}) {
            if (piece_max == 1 && one.body.size() > 20'000) continue;  // a write a byte: small ones
            for (bool const asked : {true, false}) {
                if (!one.stream && asked) continue;
                SCOPED_TRACE(fmt::format("{} pieces of {} asked {}", one.name, piece_max, asked));
                upstream.then(answer_of(one, ++seed, piece_max));
                auto const body =
                    !one.stream ? chat_body("m-1")
                    : asked     ? stream_body("m-1", R"(,"stream_options":{"include_usage":true})")
                                : stream_body("m-1");
                ++sent;
                auto const answer = fetch(gateway->port(), chat_request(body));
                ASSERT_EQ(answer.status, 200) << answer.body;
                ASSERT_TRUE(answer.complete);
                ASSERT_TRUE(answer.body == (asked ? one.body : one.without_usage))
                    << "got\n"
                    << answer.body.substr(0, 2000);
            }
        }
    }
}

TEST_F(RelayBodies, RecordedUsageIsBooked) {
    auto const answers = recorded_chats();
    if (answers.empty()) GTEST_SKIP() << "no recordings in " << data_dir();
    start();
    std::map<std::string, Recorded const*> by_id;
    for (auto const& one : answers) {
        upstream.then(answer_of(one, 3, 200));
        ++sent;
        auto const answer = fetch(gateway->port(),
                                  chat_request(one.stream ? stream_body("m-1") : chat_body("m-1")));
        ASSERT_EQ(answer.status, 200) << one.name;
        by_id[answer.header("x-sluice-request-id").value_or("")] = &one;
    }
    ASSERT_EQ(by_id.size(), answers.size());
    for (auto const& record : gateway->wait_for_records(sent)) {
        auto const& one = *by_id.at(record.at("id").get<std::string>());
        SCOPED_TRACE(one.name);
        auto const& usage = record.at("attempts").at(0).at("usage");
        EXPECT_EQ(usage.at("reported").get<bool>(), one.usage.is_object());
        if (!one.usage.is_object()) continue;
        EXPECT_EQ(usage.at("input"), one.usage.at("prompt_tokens"));
        auto const output = usage.at("output").get<std::int64_t>();
        auto const told = one.usage.at("completion_tokens").get<std::int64_t>();
        // Where a provider counts reasoning beside the completion, the canonical output holds both.
        auto const total = one.usage.value("total_tokens", std::int64_t{0}) -
                           one.usage.at("prompt_tokens").get<std::int64_t>();
        EXPECT_TRUE(output == told || output == total) << output << " of " << one.usage;
    }
}

TEST_F(RelayBodies, RecordedRequestsReachTheProviderByteForByte) {
    auto const all = rows("translate-openai-vcr-recordings.jsonl");
    if (all.empty()) GTEST_SKIP() << "no recordings in " << data_dir();
    start();
    std::uint32_t seed = 1;
    std::size_t compared = 0;
    for (auto const& row : all) {
        auto const body = row["request_body"].get<std::string>();
        auto const request_json = json::parse(body, nullptr, false);
        if (!request_json.is_object() || !request_json.contains("model") ||
            !request_json["model"].is_string()) {
            continue;
        }
        auto const url = row["url"].get<std::string>();
        auto const at = url.find("/v1/");
        if (at == url.npos) continue;
        auto const target = url.substr(at);
        if (target != "/v1/chat/completions" && target != "/v1/embeddings" &&
            target != "/v1/completions") {
            continue;
        }
        SCOPED_TRACE(row["cassette"].get<std::string>());
        auto const status = row["status"].get<int>();
        auto const type = row["response_headers"].value("Content-Type", "application/json");
        auto const answer_body = row["response_body"].get<std::string>();
        upstream.then(Reply::whole(status, answer_body, {}, type).in_pieces(++seed, 300));
        auto request = chat_request(body);
        request.target = target;
        ++sent;
        auto const answer = send_in_pieces(gateway->port(), request, seed);
        auto const received = upstream.requests().back();
        EXPECT_EQ(received.target(), target);
        if (request_json.value("stream", false) && target != "/v1/embeddings") {
            auto expected = request_json;
            expected["stream_options"]["include_usage"] = true;
            EXPECT_EQ(json::parse(received.body), expected);
        } else {
            EXPECT_EQ(received.body, body);
        }
        EXPECT_EQ(answer.status, status);
        if (!request_json.value("stream", false)) {
            EXPECT_TRUE(answer.body == answer_body) << answer.body;
        }
        ++compared;
    }
    EXPECT_GE(compared, 20U);
}

// Awkward bodies: whatever a provider sends, the caller gets those bytes or a well-formed error.
TEST_F(RelayBodies, AwkwardAnswersPassOrAreErrors) {
    auto const all = rows("provider-edge-fixtures-kong-apisix.jsonl");
    if (all.empty()) GTEST_SKIP() << "no recordings in " << data_dir();
    start();
    std::uint32_t seed = 1;
    for (auto const& row : all) {
        auto const name = row["file"].get<std::string>();
        if (!row.contains("body")) continue;  // not text
        auto const body = row["body"].get<std::string>();
        bool const sse = name.ends_with(".sse") || name.ends_with(".txt");
        for (int const status : {200, 400, 500}) {
            SCOPED_TRACE(fmt::format("{} as {}", name, status));
            auto const type = sse                       ? "text/event-stream"
                              : name.ends_with(".html") ? "text/html"
                                                        : "application/json";
            upstream.then(Reply::whole(status, body, {}, type).in_pieces(++seed, 40));
            ++sent;
            auto const answer =
                fetch(gateway->port(), chat_request(sse ? stream_body("m-1") : chat_body("m-1")));
            ASSERT_GE(answer.status, 200);
            if (answer.status == 200 && !sse) {
                EXPECT_TRUE(answer.body == body) << answer.body;
            } else if (answer.status != 200 && answer.body != body) {
                auto const error = json::parse(answer.body, nullptr, false);
                ASSERT_TRUE(error.is_object()) << answer.body;
                EXPECT_TRUE(error.at("error").at("message").is_string());
                EXPECT_TRUE(error.at("error").contains("type"));
                EXPECT_TRUE(error.at("error").contains("param"));
                EXPECT_TRUE(error.at("error").contains("code"));
            }
            if (status == 500) {
                EXPECT_GE(answer.status, 500);
            }
        }
    }
}

}  // namespace
}  // namespace sluice::test
