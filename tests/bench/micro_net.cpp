// Nanoseconds per head: the strict scan and the parse of a request's, the reader of an answer's.
// Calls src/net's pure parts only.
#include <benchmark/benchmark.h>
#include <string>
#include <vector>

#include "net/http1_request.hpp"
#include "net/http1_response.hpp"

namespace {

using namespace sluice;

constexpr std::string_view request_head =
    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: application/json\r\n"
    "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nAuthorization: Bearer "
    "sk-0123456789abcdefghijklmnop\r\n"
    "Content-Type: application/json\r\nUser-Agent: OpenAI/Python 1.54.4\r\nX-Stainless-Lang: "
    "python\r\n"
    "X-Stainless-Package-Version: 1.54.4\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n"
    "X-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.11.2\r\nX-Stainless-Async: "
    "false\r\n"
    "X-Stainless-Retry-Count: 0\r\nContent-Length: 1024\r\n\r\n";

constexpr std::string_view answer_head =
    "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: 1024\r\nConnection: keep-alive\r\naccess-control-expose-headers: "
    "X-Request-ID\r\n"
    "openai-organization: user-0123456789\r\nopenai-processing-ms: 412\r\nopenai-version: "
    "2020-10-01\r\n"
    "x-ratelimit-limit-requests: 5000\r\nx-ratelimit-remaining-requests: 4999\r\nx-request-id: "
    "req_0123456789abcdef\r\n"
    "Server: cloudflare\r\nCF-RAY: 8c0123456789-FRA\r\n\r\n";

void request_head_scan(benchmark::State& state) {
    bool ok = true;
    for (auto _ : state) {
        net::RequestHeadScan scan{net::RequestBounds{}};
        ok = ok && scan.scan(request_head) == net::RequestHeadScan::State::complete;
    }
    if (!ok) state.SkipWithError("the head was refused");
}
BENCHMARK(request_head_scan);

void request_head_parse(benchmark::State& state) {
    std::vector<http::Field> fields;
    http::RequestHead head;
    bool ok = true;
    for (auto _ : state) {
        ok = ok &&
             net::parse_request_head(request_head, net::RequestBounds{}, {}, fields, head).ok();
    }
    if (!ok) state.SkipWithError("the head was refused");
}
BENCHMARK(request_head_parse);

void answer_head_read(benchmark::State& state) {
    bool ok = true;
    for (auto _ : state) {
        net::ResponseHeadReader reader{64 * 1024, 200, http::Method::post};
        ok = ok && reader.feed(answer_head).ok() && reader.complete();
    }
    if (!ok) state.SkipWithError("the head was refused");
}
BENCHMARK(answer_head_read);

}  // namespace
