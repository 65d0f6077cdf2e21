#include "net/http1_request.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "net/http1_bytes.hpp"

namespace sluice::net {
namespace {

namespace bh = boost::beast::http;

constexpr std::size_t method_bytes_max = 32;
constexpr std::size_t leading_bytes_max = 8;  // empty lines before a request line
constexpr std::string_view version_prefix = "HTTP/";

enum : std::uint8_t { token_byte = 1, target_byte = 2, host_byte = 4 };

constexpr auto byte_class = [] {
    std::array<std::uint8_t, 256> table{};
    for (unsigned c = 0; c < 256; ++c) {
        auto const ch = static_cast<char>(c);
        bool const alnum =
            (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
        if (alnum ||
            (c != 0 && std::string_view{"!#$%&'*+-.^_`|~"}.find(ch) != std::string_view::npos))
            table[c] |= token_byte;
        if (c > 0x20 && c < 0x7f) table[c] |= target_byte;  // nothing outside ASCII, no space
        if (c > 0x20 && c < 0x7f &&
            std::string_view{"\"#<>\\^`{|}/?@,"}.find(ch) == std::string_view::npos)
            table[c] |= host_byte;
    }
    return table;
}();

bool is(unsigned char c, std::uint8_t wanted) { return (byte_class[c] & wanted) != 0; }
bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

Error bad_request(std::string message) {
    return client_error(ErrorCode::invalid_request, 400, std::move(message));
}

http::Method to_method(std::string_view text) {
    using http::Method;
    switch (text.size()) {
        case 3:
            return text == "GET" ? Method::get : text == "PUT" ? Method::put : Method::other;
        case 4:
            return text == "POST" ? Method::post : text == "HEAD" ? Method::head : Method::other;
        case 5:
            return text == "PATCH" ? Method::patch : Method::other;
        case 6:
            return text == "DELETE" ? Method::del : Method::other;
        case 7:
            return text == "OPTIONS" ? Method::options : Method::other;
        default:
            return Method::other;
    }
}

// Beast's parser with views instead of a container of fields.
class SlotParser final : public bh::basic_parser<true> {
  public:
    SlotParser(std::vector<http::Field>& fields, http::RequestHead& head)
        : fields_(fields), head_(head) {}

  private:
    using View = boost::beast::string_view;
    using Code = boost::beast::error_code;
    static std::string_view to_std(View v) { return {v.data(), v.size()}; }

    void on_request_impl(bh::verb, View method, View target, int version, Code&) override {
        head_.method_text = to_std(method);
        head_.target = to_std(target);
        head_.version_minor = version == 11 ? 1 : 0;
    }
    void on_response_impl(int, View, int, Code&) override {}
    void on_field_impl(bh::field, View name, View value, Code&) override {
        fields_.push_back({to_std(name), to_std(value)});
    }
    void on_header_impl(Code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, Code&) override {}
    std::size_t on_body_impl(View, Code&) override { return 0; }
    void on_chunk_header_impl(std::uint64_t, View, Code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, View, Code&) override { return 0; }
    void on_finish_impl(Code&) override {}

    std::vector<http::Field>& fields_;
    http::RequestHead& head_;
};

Error to_error(boost::beast::error_code const& code) {
    if (code == bh::error::bad_content_length) {
        return bad_request(
            "Content-Length must be sent once, as one decimal number, and never "
            "together with Transfer-Encoding");
    }
    if (code == bh::error::bad_transfer_encoding) {
        return bad_request("Transfer-Encoding must be exactly \"chunked\", without Content-Length");
    }
    if (code == bh::error::header_limit) {
        return client_error(ErrorCode::head_too_large, 431, "the request head is too large");
    }
    return client_error(ErrorCode::invalid_request, 400, "the request head is malformed",
                        code.message());
}

bool parse_by_beast(std::string_view text, std::vector<http::Field>& fields,
                    http::RequestHead& head, boost::beast::error_code& code) {
    fields.clear();
    SlotParser parser{fields, head};
    parser.header_limit(static_cast<std::uint32_t>(text.size() + 1));
    parser.body_limit(boost::none);
    parser.put(boost::asio::const_buffer{text.data(), text.size()}, code);
    return !code && parser.is_header_done();
}

// "METHOD target HTTP/1.1", then plain fields; the scan has seen every byte.
bool parse_plain(std::string_view text, std::vector<http::Field>& fields, http::RequestHead& head) {
    constexpr std::string_view tail = " HTTP/1.1\r\n";
    auto const method_end = text.find(' ');
    auto const line_end = text.find('\n');
    if (method_end == text.npos || line_end == text.npos) return false;
    auto const line = text.substr(0, line_end + 1);
    if (!line.ends_with(tail) || line.size() <= method_end + 1 + tail.size()) return false;
    if (!split_plain_fields(text.substr(line.size()), fields)) return false;
    head.method_text = line.substr(0, method_end);
    head.target = line.substr(method_end + 1, line.size() - tail.size() - method_end - 1);
    head.version_minor = 1;
    return true;
}

// What matters for framing and routing, gathered in one pass over the fields.
struct Seen {
    http::Field const* length = nullptr;
    http::Field const* coding = nullptr;
    http::Field const* host = nullptr;
    http::Field const* expect = nullptr;
    unsigned lengths = 0;
    unsigned codings = 0;
    unsigned hosts = 0;
    bool close = false;
    bool keep_alive = false;
};

Seen look_over(std::vector<http::Field> const& fields) {
    Seen seen;
    for (auto const& field : fields) {
        auto const name = field.name;
        switch (name.size()) {
            case 4:
                if (http::iequals(name, "host")) seen.host = &field, ++seen.hosts;
                break;
            case 6:
                if (http::iequals(name, "expect")) seen.expect = &field;
                break;
            case 10:
                if (http::iequals(name, "connection")) {
                    seen.close |= http::has_token(field.value, "close");
                    seen.keep_alive |= http::has_token(field.value, "keep-alive");
                }
                break;
            case 14:
                if (http::iequals(name, "content-length")) seen.length = &field, ++seen.lengths;
                break;
            case 17:
                if (http::iequals(name, "transfer-encoding")) seen.coding = &field, ++seen.codings;
                break;
            default:
                break;
        }
    }
    return seen;
}

Result<std::uint64_t> to_length(std::string_view text) {
    std::uint64_t value = 0;
    if (text.empty() || text.size() > 18 || !std::all_of(text.begin(), text.end(), [](char c) {
            return is_digit(static_cast<unsigned char>(c));
        })) {
        return bad_request("Content-Length must be one decimal number");
    }
    for (char const c : text) value = value * 10 + static_cast<std::uint64_t>(c - '0');
    return value;
}

Result<void> read_framing(Seen const& seen, http::RequestHead& head) {
    if (seen.codings > 0 && seen.lengths > 0) {
        return bad_request("send either Content-Length or Transfer-Encoding, not both");
    }
    if (seen.lengths > 1) return bad_request("Content-Length must be sent once");
    if (seen.codings > 0) {
        if (head.version_minor == 0) return bad_request("HTTP/1.0 has no Transfer-Encoding");
        if (seen.codings > 1 || !http::iequals(seen.coding->value, "chunked")) {
            return bad_request("Transfer-Encoding must be exactly \"chunked\"");
        }
        head.chunked = true;
        head.has_body = true;
    }
    if (seen.length) {
        auto const length = to_length(seen.length->value);
        if (!length.ok()) return length.error();
        head.content_length = length.value();
        head.has_body = head.content_length > 0;
    }
    return {};
}

bool is_host(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return is(static_cast<unsigned char>(c), host_byte); });
}

Result<void> check_host(Seen const& seen, RequestBounds const& bounds,
                        http::RequestHead const& head) {
    if (seen.hosts > 1) return bad_request("Host must be sent once");
    if (seen.hosts == 0) {
        if (head.version_minor == 1 && bounds.require_host) {
            return bad_request("HTTP/1.1 requires a Host header");
        }
        return {};
    }
    if (!is_host(seen.host->value)) return bad_request("the Host header is malformed");
    return {};
}

// RFC 9112 section 3.2: origin, absolute, authority and asterisk form. Leaves origin form.
Result<void> normalise_target(http::RequestHead& head) {
    auto& target = head.target;
    if (head.method_text == "CONNECT") {
        if (target.empty() || !is_host(target)) return bad_request("CONNECT needs host:port");
        return {};
    }
    if (target.starts_with('/')) return {};
    if (target == "*") {
        if (head.method == http::Method::options) return {};
        return bad_request("\"*\" is a target for OPTIONS only");
    }
    auto const scheme_end = target.find("://");
    auto const scheme = target.substr(0, scheme_end);
    if (scheme_end == std::string_view::npos ||
        !(http::iequals(scheme, "http") || http::iequals(scheme, "https"))) {
        return bad_request("the request target must be a path that begins with \"/\"");
    }
    auto const rest = target.substr(scheme_end + 3);
    auto const path_at = std::min(rest.find_first_of("/?"), rest.size());
    if (path_at == 0 || !is_host(rest.substr(0, path_at))) {
        return bad_request("the request target names no valid host");
    }
    target = rest.substr(path_at);
    return {};
}

void split_target(std::string_view base_path, http::RequestHead& head) {
    auto const question = head.target.find('?');
    head.path = head.target.substr(0, question);
    head.query =
        question == std::string_view::npos ? std::string_view{} : head.target.substr(question + 1);
    if (head.path.empty()) head.path = "/";  // absolute form without a path
    if (base_path.empty()) return;
    bool const is_below =
        head.path.starts_with(base_path) &&
        (head.path.size() == base_path.size() || head.path[base_path.size()] == '/');
    // Elsewhere there is nothing: an empty path matches no endpoint.
    head.path = is_below ? head.path.substr(base_path.size()) : std::string_view{};
    if (is_below && head.path.empty()) head.path = "/";
}

}  // namespace

RequestHeadScan::State RequestHeadScan::fail(Fault fault) noexcept {
    fault_ = fault;
    return state_ = State::failed;
}

RequestHeadScan::Fault RequestHeadScan::step_start_line(unsigned char c) noexcept {
    switch (where_) {
        case Where::before:
            if (c == '\r') {
                where_ = Where::before_lf;
                return at_ < leading_bytes_max ? Fault::none : Fault::line_end;
            }
            begun_ = true;
            begin_ = at_;
            if (c == 0x16) return Fault::tls;
            if (!is(c, token_byte)) return c == '\n' ? Fault::line_end : Fault::method;
            where_ = Where::method;
            return Fault::none;
        case Where::before_lf:
            where_ = Where::before;
            return c == '\n' ? Fault::none : Fault::line_end;
        case Where::method:
            if (c == ' ') {
                where_ = Where::target;
                target_at_ = target_end_ = at_ + 1;
                return Fault::none;
            }
            return is(c, token_byte) && at_ - begin_ < method_bytes_max ? Fault::none
                                                                        : Fault::method;
        case Where::target:
            if (c == ' ') {
                if (target_end_ == target_at_) return Fault::target;
                where_ = Where::version;
                return Fault::none;
            }
            if (!is(c, target_byte)) return c == '\r' || c == '\n' ? Fault::version : Fault::target;
            target_end_ = at_ + 1;
            return target_end_ - target_at_ <= bounds_.target_bytes_max ? Fault::none
                                                                        : Fault::target_long;
        case Where::version: {
            // "HTTP/" DIGIT "." DIGIT CR
            auto const i = version_at_++;
            if (i < 5)
                return c == static_cast<unsigned char>(version_prefix[i]) ? Fault::none
                                                                          : Fault::version;
            if (i == 5 || i == 7) {
                if (!is_digit(c)) return Fault::version;
                if (i == 5 ? c != '1' : c > '1') version_odd_ = true;
                return Fault::none;
            }
            if (i == 6) return c == '.' ? Fault::none : Fault::version;
            if (c != '\r') return c == '\n' ? Fault::line_end : Fault::version;
            where_ = Where::version_lf;
            return version_odd_ ? Fault::version_unsupported : Fault::none;
        }
        default:
            where_ = Where::line;
            return c == '\n' ? Fault::none : Fault::line_end;
    }
}

RequestHeadScan::Fault RequestHeadScan::step_field(unsigned char c) noexcept {
    switch (where_) {
        case Where::line:
            if (c == '\r') {
                where_ = Where::end_lf;
                return Fault::none;
            }
            if (c == ' ' || c == '\t') return Fault::folded;
            if (c == '\n') return Fault::line_end;
            where_ = Where::name;
            if (++fields_ > bounds_.header_count_max) return Fault::many_fields;
            return is(c, token_byte) ? Fault::none : Fault::name;
        case Where::name:
            if (c == ':') {
                where_ = Where::value;
                return Fault::none;
            }
            if (is(c, token_byte)) return Fault::none;
            return Fault::name;
        case Where::value:
            if (http1_bytes::is_text(c)) return Fault::none;
            if (c == '\n') return Fault::line_end;
            if (c != '\r') return Fault::value;
            where_ = Where::value_lf;
            return Fault::none;
        case Where::value_lf:
            where_ = Where::line;
            return c == '\n' ? Fault::none : Fault::line_end;
        default:  // end_lf
            if (c != '\n') return Fault::line_end;
            state_ = State::complete;
            return Fault::none;
    }
}

RequestHeadScan::Fault RequestHeadScan::step(unsigned char c) noexcept {
    return where_ < Where::line ? step_start_line(c) : step_field(c);
}

// Takes the field lines that are wholly there and right, as most are; the state machine sees the
// first other one from its first byte.
std::size_t RequestHeadScan::skip_lines(char const* text, std::size_t end) noexcept {
    auto const* line = text + at_;
    auto const* const stop = text + end;
    while (fields_ < bounds_.header_count_max) {
        auto const* at = line;
        while (at < stop && is(static_cast<unsigned char>(*at), token_byte)) ++at;
        if (at == line || at == stop || *at != ':') break;
        at = http1_bytes::find_control(at + 1, stop);
        if (stop - at < 2 || at[0] != '\r' || at[1] != '\n') break;
        ++fields_;
        line = at + 2;
    }
    return static_cast<std::size_t>(line - text);
}

// Inside a target, a name or a value only the first byte that is none matters: runs of bytes that
// may stand there are searched, not stepped through.
std::size_t RequestHeadScan::skip_run(char const* text, std::size_t end) noexcept {
    auto const run = [&](std::size_t most, std::uint8_t wanted) {
        auto at = at_;
        while (at < most && is(static_cast<unsigned char>(text[at]), wanted)) ++at;
        return at;
    };
    switch (where_) {
        case Where::value:
            return static_cast<std::size_t>(http1_bytes::find_control(text + at_, text + end) -
                                            text);
        case Where::name:
            return run(end, token_byte);
        case Where::line:
            return skip_lines(text, end);
        case Where::target: {
            auto const most = target_at_ + bounds_.target_bytes_max;
            auto const at = run(std::min(end, most), target_byte);
            if (at > at_) target_end_ = at;
            return at;
        }
        default:
            return at_;
    }
}

RequestHeadScan::State RequestHeadScan::scan(std::string_view received) noexcept {
    while (state_ == State::more && at_ < received.size()) {
        auto const end = std::min(received.size(), begin_ + bounds_.head_bytes_max);
        if (at_ >= end) return fail(Fault::head_large);
        at_ = skip_run(received.data(), end);
        if (at_ == end) continue;
        auto const fault = step(static_cast<unsigned char>(received[at_]));
        if (fault != Fault::none) return fail(fault);
        ++at_;
    }
    return state_;
}

Error RequestHeadScan::error() const {
    switch (fault_) {
        case Fault::none:
            break;
        case Fault::tls:
            return bad_request(
                "This port speaks plain HTTP, and a TLS handshake came. Use http://, or give the "
                "listener a certificate.");
        case Fault::method:
            return bad_request("the request method is malformed");
        case Fault::target:
            return bad_request("the request target holds a byte that must be percent-encoded");
        case Fault::target_long:
            return client_error(ErrorCode::head_too_large, 414, "the request target is too long");
        case Fault::version:
            return bad_request("the request line must end in HTTP/1.1");
        case Fault::version_unsupported:
            return client_error(ErrorCode::invalid_request, 505, "use HTTP/1.1 or HTTP/1.0");
        case Fault::line_end:
            return bad_request("lines of the request head must end in CR LF");
        case Fault::folded:
            return bad_request("folded header lines are not accepted");
        case Fault::name:
            return bad_request("a header name is malformed");
        case Fault::value:
            return bad_request("a header value holds a control byte");
        case Fault::head_large:
            return client_error(ErrorCode::head_too_large, 431, "the request head is too large");
        case Fault::many_fields:
            return client_error(ErrorCode::head_too_large, 431, "the request has too many headers");
    }
    return bad_request("the request head is malformed");
}

std::string_view RequestHeadScan::target(std::string_view received) const noexcept {
    return received.substr(0, target_end_).substr(std::min(target_at_, target_end_));
}

Result<void> parse_request_head(std::string_view text, RequestBounds const& bounds,
                                std::string_view base_path, std::vector<http::Field>& fields,
                                http::RequestHead& head, HeadSplit split) {
    fields.clear();
    head = {};
    if (split == HeadSplit::beast || !parse_plain(text, fields, head)) {
        boost::beast::error_code code;
        if (!parse_by_beast(text, fields, head, code)) {
            return code ? to_error(code) : bad_request("the request head is incomplete");
        }
    }

    head.headers = http::HeaderView{fields};
    head.method = to_method(head.method_text);
    auto const seen = look_over(fields);
    if (auto r = read_framing(seen, head); !r.ok()) return r;
    if (auto r = check_host(seen, bounds, head); !r.ok()) return r;
    if (auto r = normalise_target(head); !r.ok()) return r;
    split_target(base_path, head);

    head.keep_alive = !seen.close && (head.version_minor == 1 || seen.keep_alive);
    if (seen.expect && head.version_minor == 1) {
        if (!http::iequals(seen.expect->value, "100-continue")) {
            return client_error(ErrorCode::invalid_request, 417,
                                "the only expectation that can be met is 100-continue");
        }
        head.expects_continue = head.has_body;
    }
    return {};
}

}  // namespace sluice::net
