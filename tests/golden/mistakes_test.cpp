// The mistakes that newcomers make, and the words they read: tests/golden/mistakes/<case>/ holds
//
//   case.json    what is sent: method, path, headers, body (JSON or text); `upstream`: how the
//                provider answers; `server`: lines of the config's section, YAML
//   answer.json  status, origin and error, as the caller reads them
//
// A new case needs no C++. SLUICE_GOLDEN_REWRITE=1 writes what came out instead of comparing it:
// read the diff; each message has to say what to change.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>

#include "support/fake_upstream.hpp"
#include "support/gateway.hpp"
#include "support/raw_client.hpp"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

fs::path root() { return fs::path{SLUICE_SOURCE_DIR} / "tests/golden/mistakes"; }

std::vector<std::string> cases() {
    std::vector<std::string> found;
    for (auto const& entry : fs::directory_iterator(root()))
        found.push_back(entry.path().filename().string());
    std::sort(found.begin(), found.end());
    return found;
}

Json read_json(fs::path const& path) {
    std::ifstream in(path, std::ios::binary);
    return Json::parse(std::string{std::istreambuf_iterator<char>(in), {}});
}

std::string text_of(Json const& body) {
    return body.is_string() ? body.get<std::string>() : body.dump();
}

Request request_of(Json const& sent) {
    Request request{sent.value("method", "POST"),
                    sent.value("path", "/v1/chat/completions"),
                    {},
                    text_of(sent.value("body", Json("")))};
    auto const headers =
        sent.value("headers", Json{{"Authorization", "Bearer " + std::string{test_key}},
                                   {"Content-Type", "application/json"}});
    for (auto const& [name, value] : headers.items())
        request.headers.emplace_back(name, value.get<std::string>());
    return request;
}

Json shape(Answer const& answer) {
    auto error = Json::parse(answer.body).at("error");
    error.erase("request_id");
    return {{"status", answer.status},
            {"origin", answer.header("x-sluice-error-origin").value_or("")},
            {"error", std::move(error)}};
}

class Mistake : public testing::TestWithParam<std::string> {};

TEST_P(Mistake, IsAnsweredWithWhatToChange) {
    auto const sent = read_json(root() / GetParam() / "case.json");
    FakeUpstream upstream;
    if (sent.contains("upstream")) {
        auto const& reply = sent.at("upstream");
        upstream.answer_with([status = reply.at("status").get<int>(),
                              body = text_of(reply.at("body"))](Received const&) {
            return Reply::whole(status, body);
        });
    }
    GatewayConfig config;
    config.server = sent.value("server", "");
    config.routes = "  \"gpt-*\": up\n  chat-fast: up/m-fast\n";
    Gateway const gateway(config, upstream);

    auto const got = shape(fetch(gateway.port(), request_of(sent)));
    auto const path = root() / GetParam() / "answer.json";
    if (std::getenv("SLUICE_GOLDEN_REWRITE") != nullptr) {
        std::ofstream(path, std::ios::binary) << got.dump(2) << "\n";
        return;
    }
    EXPECT_EQ(read_json(path), got) << path << "\ngot " << got.dump(2);
    auto const told = got.dump();
    EXPECT_EQ(told.find(provider_key), std::string::npos);
    EXPECT_EQ(told.find(test_key), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Golden, Mistake, testing::ValuesIn(cases()),
                         [](auto const& info) { return info.param; });

}  // namespace
}  // namespace sluice::test
