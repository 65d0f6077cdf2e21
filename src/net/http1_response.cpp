// See http1_response.hpp. The only file of the client side that includes Beast.
#include "net/http1_response.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <charconv>

#include "net/http1_bytes.hpp"

namespace sluice::net {
namespace {

namespace beast = boost::beast;

Error broken(std::string detail) {
    return upstream_error(ErrorCode::upstream_protocol, Retry::next, 502,
                          "the provider's answer is not valid HTTP", "head: " + std::move(detail));
}

constexpr auto token_bytes = [] {
    std::array<bool, 256> table{};
    for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
    for (char c : std::string_view{"!#$%&'*+-.^_`|~"}) table[static_cast<unsigned char>(c)] = true;
    return table;
}();

bool is_token(char c) { return token_bytes[static_cast<unsigned char>(c)]; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_text(std::string_view s) {
    return http1_bytes::find_control(s.data(), s.data() + s.size()) == s.data() + s.size();
}

std::string_view trim(std::string_view s) {
    while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
    while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
    return s;
}

// As much of "HTTP/1." as has come must match: another protocol is told by its first byte.
bool may_be_status_line(std::string_view part) {
    constexpr std::string_view prefix = "HTTP/1.";
    auto const n = std::min(prefix.size(), part.size());
    return part.substr(0, n) == prefix.substr(0, n);
}

// Fields as views into the bytes given to put(); no container, no allocation of its own.
class Slots final : public beast::http::basic_parser<false> {
  public:
    Slots(std::vector<http::Field>& fields, std::size_t bytes) : fields_(fields) {
        header_limit(static_cast<std::uint32_t>(bytes + 1));
        body_limit(boost::none);
    }

  private:
    using error_code = beast::error_code;
    using string_view = beast::string_view;

    void on_request_impl(beast::http::verb, string_view, string_view, int, error_code&) override {}
    void on_response_impl(int, string_view, int, error_code&) override {}
    void on_field_impl(beast::http::field, string_view name, string_view value,
                       error_code&) override {
        fields_.push_back({{name.data(), name.size()}, {value.data(), value.size()}});
    }
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
    std::size_t on_body_impl(string_view body, error_code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, string_view body, error_code&) override {
        return body.size();
    }
    void on_finish_impl(error_code&) override {}

    std::vector<http::Field>& fields_;
};

}  // namespace

// Lines are checked where they were received; only one that began in an earlier piece is looked at
// where it is kept. What belongs to a head is kept in one go.
Result<std::size_t> ResponseHeadReader::feed(std::string_view bytes) {
    std::size_t used = 0;
    std::size_t kept = 0;  // of the bytes used
    auto const keep = [&] {
        text_.append(bytes, kept, used - kept);
        kept = used;
    };
    while (used < bytes.size() && !complete_) {
        begun_ = true;
        auto const newline = bytes.find('\n', used);
        bool const is_whole = newline != bytes.npos;
        used = is_whole ? newline + 1 : bytes.size();
        if (text_.size() + used - kept > bytes_max_) return broken("longer than the bound");
        if (line_start_ < text_.size()) keep();
        auto const line = line_start_ < text_.size()
                              ? std::string_view{text_}.substr(line_start_)
                              : bytes.substr(0, used).substr(kept + line_start_ - text_.size());
        if (start_line_ == 0) {
            if (!may_be_status_line(line)) return broken("does not begin with HTTP/1.");
        } else if (line.front() == ' ' || line.front() == '\t') {
            return broken("folded line");
        }
        if (!is_whole) break;
        if (start_line_ != 0 && line == "\r\n") {
            keep();
            if (auto finished = finish_head(); !finished) return std::move(finished).error();
            continue;
        }
        if (auto taken = take_line(line); !taken) return std::move(taken).error();
    }
    keep();
    return used;
}

Result<void> ResponseHeadReader::take_line(std::string_view line) {
    line_start_ += line.size();
    if (line.size() < 2 || line[line.size() - 2] != '\r') return broken("bare LF");
    line.remove_suffix(2);
    if (!is_text(line)) return broken("control byte or bare CR");
    if (start_line_ == 0) {
        start_line_ = line_start_;
        return take_status_line(line);
    }
    auto const colon = std::find_if_not(line.begin(), line.end(), is_token);
    if (colon == line.begin()) return broken("empty field name");
    if (colon == line.end() || *colon != ':') return broken("bad field name");
    if (++count_ > count_max_) return broken("more fields than the bound");
    return {};
}

// HTTP/1.x SP 3DIGIT [ SP reason ]. Servers that leave out the space before an empty reason exist.
Result<void> ResponseHeadReader::take_status_line(std::string_view line) {
    if (line.size() < 12 || line.substr(0, 7) != "HTTP/1." || (line[7] != '0' && line[7] != '1') ||
        line[8] != ' ') {
        return broken("bad version");
    }
    if (!is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) ||
        (line.size() > 12 && line[12] != ' ')) {
        return broken("bad status");
    }
    version_1_1_ = line[7] == '1';
    status_ = static_cast<std::uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 +
                                         (line[11] - '0'));
    if (status_ < 100 || status_ > 599) return broken("status out of range");
    return {};
}

Result<void> ResponseHeadReader::finish_head() {
    if (status_ == 101) return broken("switches protocols unasked");
    if (status_ < 200) {
        if (++interim_ > interim_max) return broken("too many interim answers");
        text_.clear();
        line_start_ = start_line_ = count_ = 0;
        return {};
    }
    fields_.clear();
    fields_.reserve(count_);
    auto const lines = std::string_view{text_}.substr(start_line_);
    if (split_ == HeadSplit::beast || !split_plain_fields(lines, fields_)) {
        if (auto split = split_by_beast(); !split) return split;
    }
    if (fields_.size() != count_) return broken("fields lost");

    head_.status = status_;
    head_.headers = http::HeaderView{fields_};
    if (auto framed = frame(); !framed) return framed;
    complete_ = true;
    return {};
}

// Beast sees a start line without the reason: nobody reads it, and its rules for it differ.
Result<void> ResponseHeadReader::split_by_beast() {
    std::string start = version_1_1_ ? "HTTP/1.1 " : "HTTP/1.0 ";
    start.append(text_, 9, 3).append(" \r\n");
    text_.replace(0, start_line_, start);
    fields_.clear();
    Slots slots{fields_, text_.size()};
    beast::error_code failed;
    slots.put(boost::asio::const_buffer{text_.data(), text_.size()}, failed);
    if (failed) return broken(failed.message());
    if (!slots.is_header_done()) return broken("fields lost");
    return {};
}

Result<void> ResponseHeadReader::frame() {
    bool close = false;
    bool keep = false;
    unsigned lengths = 0;
    unsigned codings = 0;
    for (auto const& field : fields_) {
        auto const size = field.name.size();
        if (size == 10 && http::iequals(field.name, "connection")) {
            close = close || http::has_token(field.value, "close");
            keep = keep || http::has_token(field.value, "keep-alive");
        } else if (size == 14 && http::iequals(field.name, "content-length")) {
            auto const value = trim(field.value);
            auto const* const end = value.data() + value.size();
            auto const [at, bad] = std::from_chars(value.data(), end, head_.content_length);
            if (++lengths > 1) return broken("repeated Content-Length");
            if (value.empty() || !is_digit(value.front()) || at != end || bad != std::errc{} ||
                head_.content_length > (std::uint64_t{1} << 62)) {
                return broken("bad Content-Length");
            }
        } else if (size == 17 && http::iequals(field.name, "transfer-encoding")) {
            if (++codings > 1 || !http::iequals(trim(field.value), "chunked")) {
                return broken("unknown or repeated Transfer-Encoding");
            }
        }
    }
    if (lengths && codings) return broken("both Content-Length and Transfer-Encoding");
    if (codings && !version_1_1_) return broken("Transfer-Encoding in HTTP/1.0");

    head_.has_length = lengths > 0;
    head_.chunked = codings > 0;
    head_.keep_alive = !close && (version_1_1_ || keep);
    if (asked_ == http::Method::head || status_ == 204 || status_ == 304) {
        framing_ = BodyFraming::none;
    } else if (head_.chunked) {
        framing_ = BodyFraming::chunked;
    } else if (head_.has_length) {
        framing_ = BodyFraming::length;
    } else {
        framing_ = BodyFraming::until_close;
        head_.keep_alive = false;
    }
    return {};
}

}  // namespace sluice::net
