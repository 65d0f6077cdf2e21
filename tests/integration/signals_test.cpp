// The real binary and its signals: reload at SIGHUP and at a file change, drain at SIGTERM, an end
// at once at a second one.
#include <csignal>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

namespace fs = std::filesystem;

// `sluice serve` as a process of its own.
class Process {
  public:
    Process(std::string const& config, std::string const& log,
            std::vector<std::string> const& more = {}) {
        auto const binary =
            fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "sluice";
        std::vector<std::string> words = {binary.string(), "serve", "--config", config};
        words.insert(words.end(), more.begin(), more.end());
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        posix_spawn_file_actions_t files;
        posix_spawn_file_actions_init(&files);
        posix_spawn_file_actions_addopen(&files, STDERR_FILENO, log.c_str(),
                                         O_WRONLY | O_CREAT | O_APPEND, 0600);
        std::string home = "HOME=/";
        std::vector<char*> environment = {home.data(), nullptr};
        if (::posix_spawn(&pid_, binary.c_str(), &files, nullptr, arguments.data(),
                          environment.data()) != 0) {
            pid_ = -1;
        }
        posix_spawn_file_actions_destroy(&files);
    }
    ~Process() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        wait();
    }
    [[nodiscard]] bool is_running() const { return pid_ > 0; }
    void signal(int number) const { ::kill(pid_, number); }
    // Its wait status; -1 when it has not ended in time.
    int wait(milliseconds within = milliseconds{20'000}) {
        auto const until = Clock::now() + within;
        int status = 0;
        while (::waitpid(pid_, &status, WNOHANG) == 0) {
            if (Clock::now() > until) return -1;
            std::this_thread::sleep_for(milliseconds{5});
        }
        pid_ = -1;
        return status;
    }

  private:
    pid_t pid_ = -1;
};

class Signals : public testing::Test {
  protected:
    void SetUp() override {
        dir_ = make_temp_dir();
        fs::create_directory(dir_ / "config");
        port_ = free_port();
        admin_port_ = free_port();
    }
    void TearDown() override {
        process_.reset();
        if (HasFailure()) ADD_FAILURE() << log();
        fs::remove_all(dir_);
    }
    // A port nobody listens on now.
    static std::uint16_t free_port() {
        FakeUpstream const taken;
        return taken.port();
    }
    void write(std::string const& more_routes = "", std::string const& server = "") {
        auto const fresh = dir_ / "config" / "fresh";
        std::ofstream(fresh) << fmt::format(
            "server:\n  listeners: [{{address: \"127.0.0.1:{}\"}}]\n  workers: 2\n{}"
            "admin: {{address: \"127.0.0.1:{}\"}}\n"
            "providers:\n{}routes:\n  m-1: up\n{}"
            "keys: {{team: {{keys: {{app: {{value: {}}}}}}}}}\n"
            "storage: {{dir: \"{}\"}}\ntelemetry: {{access_log: {{format: \"off\"}}}}\n",
            port_, server, admin_port_, provider_line("up", upstream_.url()), more_routes, test_key,
            (dir_ / "data").string());
        fs::rename(fresh, dir_ / "config" / "sluice.yaml");
    }
    void launch(std::vector<std::string> const& more = {}) {
        process_ = std::make_unique<Process>((dir_ / "config" / "sluice.yaml").string(),
                                             (dir_ / "log").string(), more);
        ASSERT_TRUE(process_->is_running());
        ASSERT_TRUE(answers("m-1", 200));
    }
    int status_of(std::string const& model) const {
        try {
            return fetch(port_, chat_request(chat_body(model))).status;
        } catch (std::exception const&) {
            return 0;
        }
    }
    bool answers(std::string const& model, int status) const {
        auto const until = Clock::now() + seconds{20};
        while (status_of(model) != status) {
            if (Clock::now() > until) return false;
            std::this_thread::sleep_for(milliseconds{20});
        }
        return true;
    }
    [[nodiscard]] std::string log() const {
        std::ifstream in(dir_ / "log");
        return {std::istreambuf_iterator<char>(in), {}};
    }
    bool log_says(std::string const& text) const {
        auto const until = Clock::now() + seconds{20};
        while (log().find(text) == std::string::npos) {
            if (Clock::now() > until) return false;
            std::this_thread::sleep_for(milliseconds{10});
        }
        return true;
    }
    // A stream that has begun and waits for `go_on`.
    std::unique_ptr<RawClient> begin_stream(std::shared_ptr<Event> const& go_on) {
        auto const frames = chat_stream(4);
        auto reply = Reply::chunked();
        reply.chunk(frames[0]).chunk(frames[1]).wait(go_on);
        for (std::size_t i = 2; i < frames.size(); ++i) reply.chunk(frames[i]);
        reply.last_chunk().tokens(11, 7);
        upstream_.then(std::move(reply));
        auto client = std::make_unique<RawClient>(port_);
        client->send(to_wire(chat_request(stream_body("m-1"))));
        EXPECT_TRUE(client->read_until("w0 "));
        return client;
    }

    FakeUpstream upstream_;
    fs::path dir_;
    std::uint16_t port_ = 0;
    std::uint16_t admin_port_ = 0;
    std::unique_ptr<Process> process_;
};

TEST_F(Signals, HangupReloadsAndTheOldConfigurationOutlivesAMistake) {
    write();
    launch({"--no-watch"});
    write("  added: up\n");
    EXPECT_EQ(status_of("added"), 404) << "taken without being asked";
    process_->signal(SIGHUP);
    EXPECT_TRUE(answers("added", 200));
    EXPECT_TRUE(log_says("configuration 2 is in force; changed: routes.added"));
    write("  added: nowhere\n");
    process_->signal(SIGHUP);
    EXPECT_TRUE(log_says("refused"));
    EXPECT_TRUE(log_says("nowhere"));
    EXPECT_EQ(status_of("added"), 200);
    EXPECT_EQ(log().find(provider_key), std::string::npos);
}

TEST_F(Signals, AChangedFileIsTaken) {
    write();
    launch();
    write("  added: up\n");
    EXPECT_TRUE(answers("added", 200));
    write();
    EXPECT_TRUE(answers("added", 404));
}

TEST_F(Signals, TerminateLetsStreamsEndAndExitsWithZero) {
    write();
    launch();
    auto const go_on = std::make_shared<Event>();
    auto client = begin_stream(go_on);
    process_->signal(SIGTERM);
    ASSERT_TRUE(log_says("stopping"));
    process_->signal(SIGHUP);  // nothing any more
    auto const until = Clock::now() + seconds{10};
    while (status_of("m-1") != 0 && Clock::now() < until) {
        std::this_thread::sleep_for(milliseconds{10});
    }
    EXPECT_EQ(status_of("m-1"), 0) << "still accepts";
    go_on->raise();
    auto const answer = client->read_answer();
    EXPECT_TRUE(answer.complete);
    EXPECT_NE(answer.body.find("[DONE]"), std::string::npos);
    client.reset();
    auto const status = process_->wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    // Every answer is in the ledger.
    std::size_t records = 0;
    for (auto const& entry : fs::recursive_directory_iterator(dir_ / "data")) {
        if (entry.path().extension() != ".jsonl") continue;
        std::ifstream in(entry.path());
        for (std::string line; std::getline(in, line);)
            records += line.find("\"status\":200") != line.npos;
    }
    EXPECT_EQ(records, upstream_.request_count());
}

TEST_F(Signals, ASecondTerminateEndsAtOnce) {
    write("", "  drain_ms: 600000\n");
    launch();
    auto const go_on = std::make_shared<Event>();
    auto const client = begin_stream(go_on);
    process_->signal(SIGTERM);
    ASSERT_TRUE(log_says("stopping"));
    EXPECT_EQ(process_->wait(milliseconds{300}), -1) << "did not wait for the stream";
    process_->signal(SIGTERM);
    auto const status = process_->wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGTERM) << status;
    go_on->raise();
}

TEST_F(Signals, TheDrainEndsAtItsDeadline) {
    write("", "  drain_ms: 300\n");
    launch();
    auto const go_on = std::make_shared<Event>();
    auto const client = begin_stream(go_on);
    process_->signal(SIGTERM);
    auto const status = process_->wait();
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    go_on->raise();
}

}  // namespace
}  // namespace sluice::test
