// bench_load: the load generator, one thread, one epoll. `bench_load <mode> --option value ...`;
// modes closed, open, stream, idle (load.hpp). Started by tests/bench/run, which reads the JSON it
// prints.
#include "load.hpp"

#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <sys/resource.h>

namespace bench {

std::string build_request(Options const& options) {
    std::ifstream file(options.body_file, std::ios::binary);
    if (!file) die(options.body_file.c_str());
    std::string body{std::istreambuf_iterator<char>(file), {}};
    if (auto const at = body.find("MODEL"); at != std::string::npos)
        body.replace(at, 5, options.model);
    // The fields an OpenAI SDK sends.
    return "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
           "\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n"
           "Authorization: Bearer " +
           options.key +
           "\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 1.54.4\r\n"
           "X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 1.54.4\r\nX-Stainless-OS: "
           "Linux\r\n"
           "X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: "
           "3.11.2\r\n"
           "X-Stainless-Async: false\r\nX-Stainless-Retry-Count: 0\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool send_rest(Poll& poll, Client& client) {
    auto const n = send(client.fd, client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return false;
    bool const was_whole = n >= 0 && static_cast<std::size_t>(n) == client.unsent.size();
    client.unsent.remove_prefix(n < 0 ? 0 : static_cast<std::size_t>(n));
    if (!was_whole) poll.watch_write(client, true);
    return true;
}

}  // namespace bench

int main(int argc, char** argv) {
    bench::Options options;
    options.mode = argc > 1 ? argv[1] : "";
    std::map<std::string, std::function<void(std::string const&)>> const known = {
        {"--port",
         [&](auto const& v) { options.port = static_cast<std::uint16_t>(std::stoul(v)); }},
        {"--key", [&](auto const& v) { options.key = v; }},
        {"--model", [&](auto const& v) { options.model = v; }},
        {"--body", [&](auto const& v) { options.body_file = v; }},
        {"--connections", [&](auto const& v) { options.connections = std::stoul(v); }},
        {"--seconds", [&](auto const& v) { options.seconds = std::stod(v); }},
        {"--rate", [&](auto const& v) { options.rate = std::stod(v); }},
        {"--chunks", [&](auto const& v) { options.chunks = std::stoull(v); }},
        {"--pace-us", [&](auto const& v) { options.pace_us = std::stod(v); }},
        {"--ramp-us", [&](auto const& v) { options.ramp_us = std::stod(v); }},
    };
    std::map<std::string, int (*)(bench::Options const&)> const modes = {
        {"closed", bench::run_closed},
        {"open", bench::run_open},
        {"stream", bench::run_stream},
        {"idle", bench::run_idle}};
    for (int i = 2; i < argc; i += 2) {
        auto const option = known.find(argv[i]);
        if (option == known.end() || i + 1 == argc) {
            std::fprintf(stderr, "bench_load: no such option, or no value: %s\n", argv[i]);
            return 2;
        }
        option->second(argv[i + 1]);
    }
    auto const mode = modes.find(options.mode);
    if (mode == modes.end()) {
        std::fprintf(stderr, "bench_load: the mode is one of closed, open, stream, idle\n");
        return 2;
    }
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    return mode->second(options);
}
