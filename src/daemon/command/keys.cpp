#include <array>
#include <cstdio>
#include <fmt/format.h>
#include <iostream>
#include <memory>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "base/sha256.hpp"
#include "config/names.hpp"
#include "daemon/command/command.hpp"

namespace sluice::daemon::command {
namespace {

constexpr char const* prefix = "sk-sluice-";
constexpr std::size_t random_chars = 40;  // 238 bits
constexpr std::size_t secret_bytes_min = 8;

// Letters and digits only: a double click selects all of it. "" when the system has no randomness.
std::string random_text() {
    constexpr std::string_view alphabet =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    constexpr unsigned fair = 256 - 256 % 62;  // above it some letters would come more often
    std::string text;
    while (text.size() < random_chars) {
        std::array<unsigned char, 64> bytes{};
        if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
            return {};
        }
        for (auto const byte : bytes) {
            if (byte < fair && text.size() < random_chars) text += alphabet[byte % alphabet.size()];
        }
    }
    return text;
}

int make_new(std::string const& team, std::string const& name) {
    for (auto const& [what, given] : {std::pair{"team", team}, std::pair{"name", name}}) {
        if (auto const wrong = config::check_name(given)) {
            fmt::print(stderr, "sluice keys new: --{} {}\n", what, *wrong);
            return exit_usage;
        }
    }
    auto const random = random_text();
    if (random.empty()) {
        fmt::print(stderr, "sluice keys new: the system gives no random bytes\n");
        return exit_failed;
    }
    auto const secret = prefix + random;
    fmt::print(
        "The key, shown this once; give it to whoever will call:\n\n"
        "  {}\n\n"
        "Paste into the configuration (it holds the hash only), under the team's keys:\n\n"
        "keys:\n"
        "  {}:\n"
        "    keys:\n"
        "      {}: {{hash: \"sha256:{}\"}}\n",
        secret, team, name, sha256_hex(secret));
    return exit_fine;
}

// Keeps what is typed off the screen while it lives.
class NoEcho {
  public:
    NoEcho() {
        if (::isatty(STDIN_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
        auto silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        is_on_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &silent) == 0;
        fmt::print(stderr, "Key (not shown): ");
    }
    NoEcho(NoEcho const&) = delete;
    NoEcho& operator=(NoEcho const&) = delete;
    ~NoEcho() {
        if (!is_on_) return;
        ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
        fmt::print(stderr, "\n");
    }

  private:
    termios before_{};
    bool is_on_ = false;
};

// From standard input: what stands in the arguments is seen by every process of the machine.
int hash() {
    std::string secret;
    {
        NoEcho const quiet;
        std::getline(std::cin, secret);
    }
    if (secret.ends_with('\r')) secret.pop_back();
    bool const is_visible = secret.find_first_not_of(
                                "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                                "abcdefghijklmnopqrstuvwxyz{|}~") == std::string::npos;
    if (secret.size() < secret_bytes_min || !is_visible) {
        fmt::print(stderr,
                   "sluice keys hash: give the key on standard input, in one line: at least {} "
                   "characters, visible ASCII without spaces\n",
                   secret_bytes_min);
        return exit_usage;
    }
    fmt::print("hash: \"sha256:{}\"\n", sha256_hex(secret));
    return exit_fine;
}

}  // namespace

void add_keys(CLI::App& app, int& exit_code) {
    auto* command = app.add_subcommand("keys", "Make keys for callers.");
    command->require_subcommand(1);
    command->footer("Example: sluice keys new --team search --name indexer");

    auto* fresh = command->add_subcommand(
        "new", "Make a key: prints it once, and the line for the configuration.");
    auto team = std::make_shared<std::string>();
    auto name = std::make_shared<std::string>("main");
    fresh->add_option("-t,--team", *team, "The team the key belongs to")->required();
    fresh->add_option("-n,--name", *name, "The key's name in the configuration and in records")
        ->capture_default_str();
    fresh->footer("Example: sluice keys new --team search --name indexer");
    fresh->callback([team, name, &exit_code] { exit_code = make_new(*team, *name); });

    auto* hashed =
        command->add_subcommand("hash", "Hash a key you have: reads it from standard input.");
    hashed->footer("Example: printf %s \"$KEY\" | sluice keys hash");
    hashed->callback([&exit_code] { exit_code = hash(); });
}

}  // namespace sluice::daemon::command
