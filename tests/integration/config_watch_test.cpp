// Files that change are noticed: the configuration itself, however it is written, the secrets and
// certificates it names, a Kubernetes volume's swapped link; with inotify and without.
#include <fmt/format.h>
#include <fstream>

#include "integration/reload_rig.hpp"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

class Watched : public Integration {
  protected:
    void SetUp() override { dir_ = make_temp_dir(); }
    void TearDown() override {
        Integration::TearDown();
        fs::remove_all(dir_);
    }
    static GatewayConfig watched(bool inotify = true) {
        GatewayConfig config;
        config.watch = {true, inotify};
        return config;
    }
    bool reaches_version(std::uint64_t version) {
        auto const until = Clock::now() + seconds{20};
        while (gateway->daemon().config_version() < version && Clock::now() < until) {
            std::this_thread::sleep_for(milliseconds{10});
        }
        return gateway->daemon().config_version() == version;
    }
    std::string last_credential() {
        EXPECT_EQ(chat(chat_body("m-1")).status, 200);
        return upstream.requests().back().header("authorization").value_or("");
    }
    fs::path dir_;
};

TEST_F(Watched, ARenameAndAWriteInPlace) {
    start(watched());
    auto config = watched();
    config.routes = "  other: up\n";
    gateway->write(config);
    ASSERT_TRUE(reaches_version(2));
    EXPECT_EQ(chat(chat_body("other")).status, 200);
    std::ofstream(gateway->config_path()) << gateway->yaml(watched());
    ASSERT_TRUE(reaches_version(3));
    EXPECT_EQ(chat(chat_body("other")).status, 404);
    // Written again without a change, and touched: nothing happens. What follows shows that it was
    // looked at.
    gateway->write(watched());
    gateway->write(config);
    ASSERT_TRUE(reaches_version(4));
}

TEST_F(Watched, AnInvalidFileIsRefusedAndItsMendingTaken) {
    start(watched());
    std::ofstream(gateway->config_path()) << "server: [";
    auto config = watched();
    config.routes = "  other: up\n";
    std::this_thread::sleep_for(milliseconds{400});  // not proof: whether it was seen or not
    EXPECT_EQ(gateway->daemon().config_version(), 1U);
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    gateway->write(config);
    ASSERT_TRUE(reaches_version(2));
    EXPECT_EQ(chat(chat_body("other")).status, 200);
}

TEST_F(Watched, TheContentOfASecretFile) {
    auto const secret = dir_ / "token";
    std::ofstream(secret) << "sk-up-first\n";
    for (bool const inotify : {true, false}) {
        auto config = watched(inotify);
        config.providers =
            provider_line("up", upstream.url(), "",
                          fmt::format("{{main: {{value: \"file:{}\"}}}}", secret.string()));
        start(config);
        EXPECT_EQ(last_credential(), "Bearer sk-up-first");
        std::ofstream(secret) << "sk-up-second\n";
        ASSERT_TRUE(reaches_version(2)) << "inotify: " << inotify;
        EXPECT_EQ(last_credential(), "Bearer sk-up-second");
        std::ofstream(secret) << "sk-up-first\n";
        std::ignore = gateway->wait_for_records(sent);
        gateway.reset();
        sent = 0;
    }
    compare_tokens = false;
}

// A secret volume: the file is a link through `..data`, which is swapped as a whole.
TEST_F(Watched, ASwappedDataLink) {
    auto const make_version = [this](std::string const& name, std::string const& value) {
        fs::create_directory(dir_ / name);
        std::ofstream(dir_ / name / "token") << value;
        fs::create_directory_symlink(name, dir_ / "..data_tmp");
        fs::rename(dir_ / "..data_tmp", dir_ / "..data");
    };
    make_version("..2026_01", "sk-up-first");
    fs::create_symlink("..data/token", dir_ / "token");
    auto config = watched();
    config.providers =
        provider_line("up", upstream.url(), "",
                      fmt::format("{{main: {{value: \"file:{}\"}}}}", (dir_ / "token").string()));
    start(config);
    EXPECT_EQ(last_credential(), "Bearer sk-up-first");
    for (int i = 2; i < 5; ++i) {
        make_version(fmt::format("..2026_0{}", i), fmt::format("sk-up-{}", i));
        ASSERT_TRUE(reaches_version(static_cast<std::uint64_t>(i)));
        EXPECT_EQ(last_credential(), fmt::format("Bearer sk-up-{}", i));
        fs::remove_all(dir_ / fmt::format("..2026_0{}", i - 1));
    }
}

}  // namespace
}  // namespace sluice::test
