// The command line: what each subcommand prints, and its exit codes.
#include <array>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/sha256.hpp"
#include "daemon/cli.hpp"
#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Ran {
    int exit_code = 0;
    std::string out;
    std::string err;
};

Ran run(std::vector<std::string> words, std::string const& input = "") {
    words.insert(words.begin(), "sluice");
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    std::istringstream in(input);
    auto* const before = std::cin.rdbuf(in.rdbuf());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ran ran;
    ran.exit_code = daemon::run_cli(static_cast<int>(arguments.size()), arguments.data());
    std::fflush(stdout);
    ran.out = testing::internal::GetCapturedStdout();
    ran.err = testing::internal::GetCapturedStderr();
    std::cin.rdbuf(before);
    std::cin.clear();
    return ran;
}

class Command : public Integration {
  protected:
    void SetUp() override { dir_ = make_temp_dir(); }
    void TearDown() override {
        Integration::TearDown();
        std::filesystem::remove_all(dir_);
    }
    std::string file(std::string const& text) {
        auto const path = (dir_ / "sluice.yaml").string();
        std::ofstream(path) << text;
        return path;
    }
    std::filesystem::path dir_;
};

constexpr char const* base =
    "providers:\n"
    "  up: {kind: openai_compatible, base_url: \"http://127.0.0.1:9/v1\", keys: {k: sk-up-0001}}\n"
    "  bare: {kind: openai_compatible, base_url: \"http://127.0.0.1:9/v1\",\n"
    "         keys: {k: \"${SLUICE_TEST_UNSET}\"}}\n"
    "routes:\n  chat-*: {tiers: [{up/a: 3, up/b: 1, bare: 1}, up]}\n  other: up\n"
    "keys:\n  search:\n    models: [\"chat-*\"]\n    keys:\n      app: {value: "
    "sk-some-client-key}\n";

TEST_F(Command, AnUnknownOneNamesTheNearest) {
    auto const ran = run({"chekc"});
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.err, HasSubstr("did you mean 'check'?"));
    EXPECT_EQ(run({}).exit_code, 2);
    EXPECT_EQ(run({"--version"}).exit_code, 0);
    EXPECT_THAT(run({"--version"}).out, HasSubstr("sluice "));
}

TEST_F(Command, EachHasHelpWithAnExample) {
    for (std::vector<std::string> words : {std::vector<std::string>{"serve"},
                                           {"check"},
                                           {"mock"},
                                           {"keys", "new"},
                                           {"keys", "hash"},
                                           {"routes", "explain"},
                                           {"health"}}) {
        auto const name = words.back();
        words.emplace_back("--help");
        auto const ran = run(words);
        EXPECT_EQ(ran.exit_code, 0) << name;
        EXPECT_THAT(ran.out, HasSubstr("Example:")) << name;
    }
}

TEST_F(Command, CheckTellsEveryProblemAndPrintsTheExpandedForm) {
    auto const fine = run({"check", "-c", file(base)});
    EXPECT_EQ(fine.exit_code, 0) << fine.err;
    EXPECT_THAT(fine.out, HasSubstr("ok"));
    auto const printed = run({"check", "--print", "-c", file(base)});
    EXPECT_EQ(printed.exit_code, 0);
    EXPECT_THAT(printed.out, HasSubstr("first_byte_ms: 30000"));
    EXPECT_THAT(printed.out, HasSubstr("\"${SLUICE_TEST_UNSET}\""));
    EXPECT_THAT(printed.out, Not(HasSubstr("sk-up-0001")));
    EXPECT_THAT(printed.out, Not(HasSubstr("sk-some-client-key")));
    auto const bad = run({"check", "-c",
                          file(std::string(base) + "server: {workres: 1}\n"
                                                   "telemetry: {log_level: loud}\n")});
    EXPECT_EQ(bad.exit_code, 2);
    EXPECT_THAT(bad.err, HasSubstr("workres"));
    EXPECT_THAT(bad.err, HasSubstr("log_level"));
    EXPECT_THAT(bad.err, HasSubstr("sluice.yaml:"));
}

TEST_F(Command, KeysNewMakesAKeyThatOpens) {
    auto const ran = run({"keys", "new", "--team", "search", "--name", "indexer"});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    auto const at = ran.out.find("sk-sluice-");
    ASSERT_NE(at, std::string::npos);
    auto const secret = ran.out.substr(at, ran.out.find('\n', at) - at);
    EXPECT_EQ(secret.size(), 50U);
    EXPECT_EQ(ran.out.find(secret, at + 1), std::string::npos) << "told twice";
    EXPECT_NE(run({"keys", "new", "--team", "search"}).out.find(secret), 0U);
    // What it says to paste is all the configuration needs.
    GatewayConfig config;
    auto const pasted = ran.out.substr(ran.out.find("\nkeys:\n") + 7);
    EXPECT_THAT(pasted, HasSubstr("hash: \"sha256:" + sha256_hex(secret) + "\""));
    config.keys = pasted;
    start(config);
    auto request = chat_request(chat_body("m-1"));
    request.headers = with_key(secret);
    EXPECT_EQ(ask(request).status, 200);
    EXPECT_EQ(last_record().at("team"), "search");
    EXPECT_EQ(last_record().at("key"), "indexer");
    EXPECT_EQ(run({"keys", "new"}).exit_code, 2);
    EXPECT_EQ(run({"keys", "new", "--team", "no spaces"}).exit_code, 2);
}

TEST_F(Command, KeysHashReadsStandardInput) {
    auto const ran = run({"keys", "hash"}, "sk-some-client-key\n");
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_EQ(ran.out, "hash: \"sha256:" + sha256_hex("sk-some-client-key") + "\"\n");
    EXPECT_EQ(run({"keys", "hash"}, "short\n").exit_code, 2);
    EXPECT_EQ(run({"keys", "hash"}, "").exit_code, 2);
    EXPECT_EQ(run({"keys", "hash", "sk-some-client-key"}).exit_code, 2) << "taken from argv";
}

TEST_F(Command, RoutesExplainTellsTiersSharesAndWhatIsLeftOut) {
    auto const config = file(base);
    auto const ran = run({"routes", "explain", "-c", config, "--model", "chat-x"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("route  chat-*"));
    EXPECT_THAT(ran.out, HasSubstr("75.0 %"));
    EXPECT_THAT(ran.out, HasSubstr("25.0 %"));
    EXPECT_THAT(ran.out, HasSubstr("no credential"));
    EXPECT_THAT(ran.out, HasSubstr("up/chat-x"));
    auto const with_key = [&config](std::string const& model, std::string const& key) {
        return run({"routes", "explain", "-c", config, "-m", model, "-k", key}).exit_code;
    };
    EXPECT_EQ(with_key("chat-x", "search/app"), 0);
    EXPECT_EQ(with_key("other", "search/app"), 1) << "its team may not use it";
    EXPECT_EQ(with_key("chat-x", "search/none"), 1);
    EXPECT_EQ(run({"routes", "explain", "-c", config, "-m", "unknown"}).exit_code, 1);
    EXPECT_EQ(run({"routes", "explain", "-c", config}).exit_code, 2);
}

TEST_F(Command, HealthAsksTheAdminAddress) {
    start();
    auto const address = fmt::format("127.0.0.1:{}", gateway->admin_port());
    auto const ready = run({"health", "--address", address});
    EXPECT_EQ(ready.exit_code, 0) << ready.err;
    EXPECT_THAT(ready.out, HasSubstr("ready"));
    auto const from_config =
        run({"health", "-c", file("admin: {address: \"" + address + "\"}\n" + base)});
    EXPECT_EQ(from_config.exit_code, 0) << from_config.err;
    gateway->stop();
    EXPECT_EQ(run({"health", "--address", address}).exit_code, 1);
    EXPECT_EQ(run({"health", "--address", "nowhere"}).exit_code, 2);
    EXPECT_EQ(run({"health", "-c", file("admin: {address: off}\n" + std::string(base))}).exit_code,
              2);
}

}  // namespace
}  // namespace sluice::test
