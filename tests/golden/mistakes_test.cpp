// What callers are told at the most common mistakes: tests/golden/mistakes/<case>/ holds the bytes
// that are sent (request.txt; the lines of the head end in LF there, CR LF on the wire; "hex:..."
// for bytes that are no text) and what must come back (answer.json). A file `tls` sends them to a
// TLS port. A new case needs no C++. SLUICE_GOLDEN_REWRITE=1 writes what came out: read the diff.
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <nlohmann/json.hpp>

#include "support/certificates.hpp"
#include "support/gateway.hpp"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

std::string read_file(fs::path const& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string wire_of(std::string const& text) {
    std::string out;
    if (text.starts_with("hex:")) {
        for (std::size_t i = 4; i + 1 < text.size() && text[i] != '\n'; i += 2) {
            out.push_back(static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16)));
        }
        return out;
    }
    auto const end = text.find("\n\n") + 1;
    for (char const c : text.substr(0, end))
        out += c == '\n' ? std::string("\r\n") : std::string(1, c);
    return out + "\r\n" + text.substr(end + 1);
}

nlohmann::json shown(Answer const& answer) {
    nlohmann::json out{{"status", answer.status}};
    if (auto const origin = answer.header("x-sluice-error-origin")) out["origin"] = *origin;
    auto const body = nlohmann::json::parse(answer.body, nullptr, false);
    if (body.is_object() && body.contains("error")) {
        for (auto const* name : {"message", "type", "code"}) out[name] = body["error"][name];
    } else {
        out["text"] = answer.body;
    }
    return out;
}

class Mistakes : public testing::Test {
  protected:
    void SetUp() override {
        upstream.answer_with([](Received const& received) {
            bool const refuses = received.body.find("m-r") != std::string::npos;
            return refuses
                       ? Reply::whole(
                             401,
                             R"({"error":{"message":"Incorrect API key provided: sk-p...0001"}})")
                       : Reply::whole(200, chat_answer("fine")).tokens(11, 7);
        });
    }
    std::unique_ptr<Gateway> open(std::string listener) {
        GatewayConfig config;
        config.workers = 1;
        config.listener = std::move(listener);
        config.server = "  limits: {body_bytes_max: 1048576}\n";
        config.keys =
            "  team:\n    keys:\n      app: {value: sk-test-client-key-0001}\n"
            "      bound: {value: sk-test-client-key-0002, allow_from: [192.0.2.0/24]}\n";
        return std::make_unique<Gateway>(config, upstream);
    }

    FakeUpstream upstream;
};

TEST_F(Mistakes, AreToldWithWhatToDo) {
    Certificates certificates;
    auto const plain = open("");
    auto const tls = open(fmt::format("tls: {{cert: \"{}\", key: \"{}\"}}",
                                      certificates.cert_file(), certificates.key_file()));
    std::size_t cases = 0;
    for (auto const& entry :
         fs::directory_iterator(fs::path{SLUICE_SOURCE_DIR} / "tests/golden/mistakes")) {
        ++cases;
        auto const dir = entry.path();
        RawClient client(fs::exists(dir / "tls") ? tls->port() : plain->port());
        client.send(wire_of(read_file(dir / "request.txt")));
        auto const got = shown(client.read_answer());
        if (std::getenv("SLUICE_GOLDEN_REWRITE") != nullptr) {
            std::ofstream(dir / "answer.json") << got.dump(2) << "\n";
            continue;
        }
        ASSERT_TRUE(fs::exists(dir / "answer.json")) << "write it with SLUICE_GOLDEN_REWRITE=1";
        EXPECT_EQ(got, nlohmann::json::parse(read_file(dir / "answer.json"))) << dir.filename();
        EXPECT_EQ(got.dump().find("sk-"), std::string::npos) << "a key in an answer";
    }
    EXPECT_GE(cases, 14U);
}

}  // namespace
}  // namespace sluice::test
