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

namespace {

constexpr std::uint64_t plant_every = 100;

}  // namespace

Source::Request Source::build(Options const& options, std::string const& body_file) {
    std::ifstream file(body_file, std::ios::binary);
    if (!file) die(body_file.c_str());
    std::string body{std::istreambuf_iterator<char>(file), {}};
    if (auto const at = body.find("MODEL"); at != std::string::npos)
        body.replace(at, 5, options.model);
    bool const is_anthropic = options.path.ends_with("/messages");
    std::string more;
    for (std::string_view rest = options.headers; !rest.empty();) {
        auto const end = std::min(rest.find('\n'), rest.size());
        more.append(rest.substr(0, end)).append("\r\n");
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    // The fields the SDKs send.
    auto bytes =
        "POST " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
        "\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nConnection: "
        "keep-alive\r\n" +
        (is_anthropic ? "anthropic-version: 2023-06-01\r\nx-api-key: " : "Authorization: Bearer ") +
        options.key + "\r\n" + more + "Content-Type: application/json\r\nUser-Agent: " +
        (is_anthropic ? "Anthropic/Python 0.39.0" : "OpenAI/Python 1.54.4") +
        "\r\nX-Stainless-Lang: python\r\nX-Stainless-Package-Version: 1.54.4\r\nX-Stainless-OS: "
        "Linux\r\n"
        "X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: "
        "3.11.2\r\n"
        "X-Stainless-Async: false\r\nX-Stainless-Retry-Count: 0\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    return {std::move(bytes), body.size()};
}

Source::Source(Options const& options)
    : port_(options.port), plain_(build(options, options.body_file)) {
    if (!options.planted_file.empty()) planted_ = build(options, options.planted_file);
    if (!options.tls_ca.empty())
        tls_ = std::make_unique<TlsClient>(options.tls_ca, options.resumes);
}

Wire Source::connect() {
    Wire wire{connect_to(port_), nullptr};
    if (!tls_) return wire;
    wire.ssl = tls_->connect(wire.fd);
    if (wire.ssl == nullptr) wire.shut();
    return wire;
}

std::string_view Source::next(Tally& tally) {
    bool const is_planted = !planted_.bytes.empty() && tally.sent % plant_every == 0;
    auto const& request = is_planted ? planted_ : plain_;
    ++tally.sent;
    if (is_planted) ++tally.planted;
    tally.body_bytes += request.body_bytes;
    return request.bytes;
}

std::string Source::report() const {
    if (!tls_) return "";
    return "\"handshakes\":" + std::to_string(tls_->handshakes()) +
           ",\"resumed\":" + std::to_string(tls_->resumed()) + ",";
}

std::string tell(Tally const& tally) {
    std::string out;
    for (auto const& [name, count] : {std::pair{"sent", tally.sent},
                                      {"ok", tally.ok},
                                      {"refused", tally.refused},
                                      {"broken", tally.broken},
                                      {"planted", tally.planted},
                                      {"plants_seen", tally.plants_seen},
                                      {"body_bytes", tally.body_bytes}}) {
        out.append("\"").append(name).append("\":").append(std::to_string(count)).append(",");
    }
    return out;
}

bool send_rest(Poll& poll, Client& client) {
    auto const n = client.wire.transmit(client.unsent);
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
        {"--planted-body", [&](auto const& v) { options.planted_file = v; }},
        {"--path", [&](auto const& v) { options.path = v; }},
        {"--headers", [&](auto const& v) { options.headers = v; }},
        {"--tls-ca", [&](auto const& v) { options.tls_ca = v; }},
        {"--resumes", [&](auto const& v) { options.resumes = v == "1"; }},
        {"--fresh", [&](auto const& v) { options.is_fresh = v == "1"; }},
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
