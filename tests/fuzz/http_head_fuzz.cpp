// Arbitrary bytes as HTTP/1 request heads. Whatever comes, the scan decides the same for the whole
// and for two pieces, a head it lets pass is parsed without touching other memory, views stay
// inside, and the quick way says what Beast says.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "net/http1_request.hpp"

namespace {

using sluice::net::RequestBounds;
using sluice::net::RequestHeadScan;

void require(bool holds) {
    if (!holds) std::abort();
}

bool is_inside(std::string_view view, std::string_view text) {
    if (view.empty() || view == "/") return true;  // "/" may be a literal
    return view.data() >= text.data() && view.data() + view.size() <= text.data() + text.size();
}

bool is_same(sluice::http::RequestHead const& a, sluice::http::RequestHead const& b) {
    if (a.headers.size() != b.headers.size()) return false;
    for (std::size_t i = 0; i < a.headers.size(); ++i) {
        auto const &x = a.headers.begin()[i], &y = b.headers.begin()[i];
        if (x.name != y.name || x.value != y.value) return false;
    }
    return a.method == b.method && a.method_text == b.method_text && a.target == b.target &&
           a.path == b.path && a.query == b.query && a.version_minor == b.version_minor &&
           a.has_body == b.has_body && a.chunked == b.chunked &&
           a.content_length == b.content_length && a.keep_alive == b.keep_alive &&
           a.expects_continue == b.expects_continue;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view const input{reinterpret_cast<char const*>(data) + 1, size - 1};
    RequestBounds bounds;
    bounds.head_bytes_max = 4096;
    bounds.header_count_max = 32;

    RequestHeadScan whole{bounds};
    auto const state = whole.scan(input);
    RequestHeadScan halves{bounds};
    halves.scan(input.substr(0, input.size() * data[0] / 256));
    require(halves.scan(input) == state);
    if (state == RequestHeadScan::State::failed) {
        require(whole.error().http_status >= 400);
        require(whole.error().message == halves.error().message);
        require(is_inside(whole.target(input), input));
    }
    if (state != RequestHeadScan::State::complete) return 0;
    require(whole.head_end() == halves.head_end() && whole.head_end() <= input.size());

    // A copy of exactly that size: reading past the end is seen.
    std::vector<char> const copy(input.begin() + static_cast<long>(whole.head_begin()),
                                 input.begin() + static_cast<long>(whole.head_end()));
    std::string_view const text{copy.data(), copy.size()};
    require(text.ends_with("\r\n\r\n"));
    std::vector<sluice::http::Field> fields;
    sluice::http::RequestHead head;
    auto const parsed = sluice::net::parse_request_head(text, bounds, "/base", fields, head);
    std::vector<sluice::http::Field> fields_by_beast;
    sluice::http::RequestHead by_beast;
    auto const second = sluice::net::parse_request_head(text, bounds, "/base", fields_by_beast,
                                                        by_beast, sluice::net::HeadSplit::beast);
    require(parsed.ok() == second.ok());
    require(!parsed.ok() || is_same(head, by_beast));
    if (!parsed.ok()) {
        require(parsed.error().http_status >= 400);
        return 0;
    }
    require(fields.size() <= bounds.header_count_max);
    require(!(head.chunked && head.content_length != 0));
    for (auto const& field : fields) {
        require(is_inside(field.name, text) && is_inside(field.value, text));
        require(field.name.find_first_of(" \t\r\n:") == std::string_view::npos);
        require(field.value.find_first_of("\r\n") == std::string_view::npos);
    }
    for (auto const view : {head.method_text, head.target, head.path, head.query}) {
        require(is_inside(view, text));
    }
    return 0;
}
