#include "endpoint/root/welcome.hpp"

#include <fmt/format.h>

#include "base/version.hpp"
#include "engine/answer.hpp"
#include "engine/snapshot.hpp"
#include "net/server_stream.hpp"

namespace sluice::endpoint {
namespace {

// What stands before the path: the listener's base path, as the caller wrote it.
std::string_view base_path(http::RequestHead const& head) {
    auto const whole = head.target.substr(0, head.target.find('?'));
    if (!whole.starts_with('/')) return {};
    if (whole.ends_with(head.path)) return whole.substr(0, whole.size() - head.path.size());
    return whole;  // the base path itself, without a slash behind it
}

// The host the caller used, when it is plain; else the address sluice listens on.
std::string base_url(Exchange const& x) {
    auto const host = x.client.head().headers.get("host");
    bool plain = !host.empty() && host.size() <= 255;
    for (char const c : host) {
        plain =
            plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-' || c == ':' || c == '[' || c == ']');
    }
    auto const path = base_path(x.client.head());
    if (!plain) return fmt::format("{}{}", x.snapshot.public_url, path);
    return fmt::format("{}://{}{}", x.client.peer().tls ? "https" : "http", host, path);
}

// Nobody has said who they are: no name from the config is told here.
std::string_view example_model(Exchange const& x) {
    return x.snapshot.trial ? "gpt-4o-mini" : "YOUR_MODEL";
}

std::string_view example_key(Exchange const& x) {
    return x.snapshot.has_trial_key ? "sk-sluice-trial" : "YOUR_SLUICE_KEY";
}

std::string curl_line(Exchange const& x, std::string_view base) {
    return fmt::format(
        "curl -N {0}/v1/chat/completions -H 'Authorization: Bearer {1}' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        "  -d '{{\"model\":\"{2}\",\"stream\":true,\"messages\":[{{\"role\":\"user\","
        "\"content\":\"Hello\"}}]}}'",
        base, example_key(x), example_model(x));
}

std::string python_lines(Exchange const& x, std::string_view base) {
    return fmt::format(
        "from openai import OpenAI\n"
        "client = OpenAI(base_url=\"{}/v1\", api_key=\"{}\")",
        base, example_key(x));
}

std::string node_lines(Exchange const& x, std::string_view base) {
    return fmt::format(
        "import OpenAI from \"openai\";\n"
        "const client = new OpenAI({{ baseURL: \"{}/v1\", apiKey: \"{}\" }});",
        base, example_key(x));
}

std::string html_escaped(std::string_view text) {
    std::string out;
    for (char const c : text) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string html_page(Exchange const& x, std::string_view base) {
    return fmt::format(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>sluice</title>"
        "<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;"
        "padding:0 1rem;color:#1c2733;background:#fff}}"
        "pre{{background:#f2f5f7;padding:.8rem 1rem;border-radius:6px;overflow-x:auto;"
        "font-size:14px}}code{{background:#f2f5f7;padding:.1rem .3rem;border-radius:4px}}"
        "@media(prefers-color-scheme:dark){{body{{background:#12181e;color:#d9e1e8}}"
        "pre,code{{background:#1d262e}}}}</style>"
        "<h1>sluice</h1><p>An AI gateway is running here (version {0}). Point an OpenAI SDK's "
        "<code>base_url</code> at <code>{1}/v1</code>.</p>"
        "<h2>curl</h2><pre>{2}</pre><h2>Python</h2><pre>{3}</pre><h2>Node</h2><pre>{4}</pre>"
        "<p>Models this gateway offers: <code>GET {1}/v1/models</code></p></html>\n",
        version(), html_escaped(base), html_escaped(curl_line(x, base)),
        html_escaped(python_lines(x, base)), html_escaped(node_lines(x, base)));
}

std::string text_page(Exchange const& x, std::string_view base) {
    return fmt::format(
        "sluice {0}: an AI gateway.\n\n"
        "OpenAI base_url   {1}/v1\n"
        "models            {1}/v1/models\n\n"
        "{2}\n\n# Python\n{3}\n\n# Node\n{4}\n",
        version(), base, curl_line(x, base), python_lines(x, base), node_lines(x, base));
}

}  // namespace

Async<> Welcome::run(Exchange& x) {
    auto const base = base_url(x);
    bool const browser = http::has_token(x.client.head().headers.get("accept"), "text/html");
    auto page = browser ? html_page(x, base) : text_page(x, base);
    co_return co_await engine::answer_text(
        x, 200, browser ? "text/html; charset=utf-8" : "text/plain; charset=utf-8",
        std::move(page));
}

}  // namespace sluice::endpoint
