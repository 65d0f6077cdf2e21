// The request head reader: which bytes are a head, which are refused and how, and that the answer
// is the same however the bytes were cut. Rows of ../shared/data/llhttp-cases.jsonl are used when
// there.
#include "net/http1_request.hpp"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>

#include "codec/chunked.hpp"

namespace sluice::net {
namespace {

using State = RequestHeadScan::State;

struct Outcome {
    bool refused = false;
    int status = 0;
    std::string why;
    int messages = 0;

    friend bool operator==(Outcome const&, Outcome const&) = default;
};

// What a connection does with bytes, without the connection: heads and bodies in order until
// refused, or until a message that ends the connection.
class Machine {
  public:
    explicit Machine(RequestBounds bounds) : bounds_(bounds), scan_(bounds) {}

    void feed(std::string_view bytes) {
        held_.append(bytes);
        while (!out_.refused && !closed_ && turn()) {
        }
    }
    [[nodiscard]] Outcome const& outcome() const { return out_; }

  private:
    bool turn() {  // true: something was used up, go on
        if (in_body_) return head_.chunked ? chunked_body() : sized_body();
        auto const state = scan_.scan(held_);
        if (state == State::more) return false;
        if (state == State::failed) return refuse(scan_.error());
        auto const text = std::string_view{held_}.substr(scan_.head_begin(),
                                                         scan_.head_end() - scan_.head_begin());
        auto const parsed = parse_request_head(text, bounds_, "", fields_, head_);
        expect_as_beast(text, parsed);
        if (!parsed.ok()) return refuse(parsed.error());
        held_.erase(0, scan_.head_end());
        head_.headers = {};  // the text is gone
        scan_ = RequestHeadScan{bounds_};
        left_ = head_.chunked ? 0 : head_.content_length;
        decoder_ = {};
        in_body_ = true;
        return true;
    }
    bool sized_body() {
        auto const n = std::min<std::uint64_t>(left_, held_.size());
        held_.erase(0, n);
        left_ -= n;
        return left_ == 0 && complete();
    }
    bool chunked_body() {
        auto const fed = decoder_.feed(held_, [](std::string_view) {});
        held_.erase(0, fed.consumed);
        if (fed.state == codec::ChunkedDecoder::State::failed) {
            return refuse(
                client_error(ErrorCode::invalid_request, 400, std::string{decoder_.reason()}));
        }
        return fed.state == codec::ChunkedDecoder::State::done && complete();
    }
    bool complete() {
        ++out_.messages;
        in_body_ = false;
        closed_ = !head_.keep_alive;
        return true;
    }
    // The quick way and Beast say the same.
    void expect_as_beast(std::string_view text, Result<void> const& parsed) {
        std::vector<http::Field> fields;
        http::RequestHead head;
        auto const second = parse_request_head(text, bounds_, "", fields, head, HeadSplit::beast);
        ASSERT_EQ(parsed.ok(), second.ok()) << text;
        if (!parsed.ok()) return;
        EXPECT_EQ(head.method_text, head_.method_text) << text;
        EXPECT_EQ(head.target, head_.target) << text;
        EXPECT_EQ(head.version_minor, head_.version_minor) << text;
        ASSERT_EQ(fields.size(), fields_.size()) << text;
        for (std::size_t i = 0; i < fields.size(); ++i) {
            EXPECT_EQ(fields[i].name, fields_[i].name) << text;
            EXPECT_EQ(fields[i].value, fields_[i].value) << text;
        }
    }
    bool refuse(Error const& error) {
        out_.refused = true;
        out_.status = error.http_status;
        out_.why = error.message;
        return false;
    }

    RequestBounds bounds_;
    RequestHeadScan scan_;
    std::string held_;
    std::vector<http::Field> fields_;
    http::RequestHead head_;
    codec::ChunkedDecoder decoder_;
    std::uint64_t left_ = 0;
    bool in_body_ = false;
    bool closed_ = false;
    Outcome out_;
};

Outcome run(std::string_view raw, std::vector<std::size_t> cuts = {}, RequestBounds bounds = {}) {
    Machine machine{bounds};
    std::size_t from = 0;
    cuts.push_back(raw.size());
    for (auto const cut : cuts) {
        machine.feed(raw.substr(from, cut - from));
        from = cut;
    }
    return machine.outcome();
}

void expect_same_however_cut(std::string_view raw, RequestBounds bounds = {}) {
    auto const whole = run(raw, {}, bounds);
    std::vector<std::size_t> every;
    for (std::size_t i = 1; i < raw.size(); ++i) {
        every.push_back(i);
        ASSERT_EQ(run(raw, {i}, bounds), whole) << "cut at " << i << " of\n" << raw;
    }
    ASSERT_EQ(run(raw, every, bounds), whole) << "byte by byte\n" << raw;
}

http::RequestHead parse(std::string const& raw, std::vector<http::Field>& fields,
                        std::string_view base_path = "") {
    http::RequestHead head;
    auto const result = parse_request_head(raw, {}, base_path, fields, head);
    EXPECT_TRUE(result.ok()) << raw;
    return head;
}

TEST(Http1Request, GivesViewsOfTheHead) {
    std::vector<http::Field> fields;
    std::string const raw =
        "POST /v1/chat?x=1&y HTTP/1.1\r\nHost: a.example:80\r\nX-Empty:\r\nX-Pad:  two words \t\r\n"
        "Content-Length: 12\r\nExpect: 100-Continue\r\n\r\n";
    auto const head = parse(raw, fields);
    EXPECT_EQ(head.method, http::Method::post);
    EXPECT_EQ(head.method_text, "POST");
    EXPECT_EQ(head.target, "/v1/chat?x=1&y");
    EXPECT_EQ(head.path, "/v1/chat");
    EXPECT_EQ(head.query, "x=1&y");
    EXPECT_EQ(head.headers.size(), 5u);
    EXPECT_EQ(head.headers.get("x-pad"), "two words");
    EXPECT_TRUE(head.headers.has("x-empty"));
    EXPECT_EQ(head.headers.get("x-empty"), "");
    EXPECT_TRUE(head.has_body);
    EXPECT_FALSE(head.chunked);
    EXPECT_EQ(head.content_length, 12u);
    EXPECT_TRUE(head.expects_continue);
    EXPECT_TRUE(head.keep_alive);
    EXPECT_EQ(head.version_minor, 1);
}

TEST(Http1Request, KeepsAliveAsVersionAndConnectionSay) {
    struct Row {
        char const* raw;
        bool keep_alive;
    };
    for (auto const& row : {
             Row{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
             Row{"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", false},
             Row{"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n", false},
             Row{"GET / HTTP/1.0\r\n\r\n", false},
             Row{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
             Row{"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
         }) {
        std::vector<http::Field> fields;
        EXPECT_EQ(parse(row.raw, fields).keep_alive, row.keep_alive) << row.raw;
    }
}

TEST(Http1Request, TakesEveryTargetForm) {
    struct Row {
        char const* line;
        char const* path;
        char const* query;
    };
    for (auto const& row : {
             Row{"GET /a/b HTTP/1.1", "/a/b", ""},
             Row{"GET http://h.example/a?b=c HTTP/1.1", "/a", "b=c"},
             Row{"GET HTTPS://h.example:8443 HTTP/1.1", "/", ""},
             Row{"GET http://[::1]:80?q HTTP/1.1", "/", "q"},
             Row{"OPTIONS * HTTP/1.1", "*", ""},
             Row{"CONNECT h.example:443 HTTP/1.1", "h.example:443", ""},
         }) {
        std::vector<http::Field> fields;
        auto const raw = std::string{row.line} + "\r\nHost: h\r\n\r\n";
        auto const head = parse(raw, fields);
        EXPECT_EQ(head.path, row.path) << row.line;
        EXPECT_EQ(head.query, row.query) << row.line;
    }
}

TEST(Http1Request, TakesTheBasePathOffAndKnowsNoPathOutsideIt) {
    struct Row {
        char const* target;
        char const* path;
    };
    for (auto const& row : {Row{"/ai/v1/models", "/v1/models"}, Row{"/ai", "/"}, Row{"/ai/", "/"},
                            Row{"/ai?x", "/"}, Row{"/aix/v1", ""}, Row{"/v1", ""}}) {
        std::vector<http::Field> fields;
        auto const raw = "GET " + std::string{row.target} + " HTTP/1.1\r\nHost: h\r\n\r\n";
        EXPECT_EQ(parse(raw, fields, "/ai").path, row.path) << row.target;
    }
}

TEST(Http1Request, RefusesWhatIsAmbiguousOrMalformed) {
    struct Row {
        int status;
        std::string raw;
    };
    auto const with = [](std::string fields) {
        return "POST / HTTP/1.1\r\nHost: a\r\n" + std::move(fields) + "\r\n\r\n";
    };
    std::vector<Row> const rows = {
        {400, with("Content-Length: 5\r\nTransfer-Encoding: chunked")},
        {400, with("Transfer-Encoding: chunked\r\nContent-Length: 5")},
        {400, with("Content-Length: 5\r\nContent-Length: 5")},
        {400, with("Content-Length: 5\r\nContent-Length: 6")},
        {400, with("Content-Length: 5, 5")},
        {400, with("Content-Length: +5")},
        {400, with("Content-Length: -1")},
        {400, with("Content-Length: 0x5")},
        {400, with("Content-Length: 5 5")},
        {400, with("Content-Length:")},
        {400, with("Content-Length: 99999999999999999999")},
        {400, with("Content-Length: 18446744073709551617")},
        {400, with("Transfer-Encoding: gzip")},
        {400, with("Transfer-Encoding: gzip, chunked")},
        {400, with("Transfer-Encoding: chunked, chunked")},
        {400, with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")},
        {400, with("Transfer-Encoding: \"chunked\"")},
        {400, with("Transfer-Encoding: chunked;q=1")},
        {400, with("Transfer-Encoding: xchunked")},
        {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, with("Transfer-Encoding : chunked")},
        {400, with("X: a\r\n b")},
        {400, with("X: a\r\n\tb")},
        {400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
        {400, with(std::string{"X: a\0b", 6})},
        {400, with("X: a\x01"
                   "b")},
        {400, with("X: a\x7f")},
        {400, with("X: a\rb")},
        {400, with("X: a\nY: b")},
        {400, with("X y: a")},
        {400, with("X\xff: a")},
        {400, with(": a")},
        {400, with("no colon")},
        {400, "GET / HTTP/1.1\nHost: a\n\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n\rX"},
        {400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, std::string(40, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
        {400, "GET /\tx HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\r\n\r\n"},
        {400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1x\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/11\r\nHost: a\r\n\r\n"},
        {505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
        {505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
        {505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"},
        {400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET a.example:80 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "\x16\x03\x01\x02"},
        {417, with("Expect: magic")},
        {414, "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n"},
        {431, with("X: " + std::string(40'000, 'a'))},
    };
    for (auto const& row : rows) {
        auto const outcome = run(row.raw);
        EXPECT_TRUE(outcome.refused) << row.raw.substr(0, 200);
        EXPECT_EQ(outcome.status, row.status) << row.raw.substr(0, 200) << '\n' << outcome.why;
        EXPECT_FALSE(outcome.why.empty());
        if (row.raw.size() < 300) expect_same_however_cut(row.raw);
    }
}

TEST(Http1Request, BoundsTheHeadExactly) {
    std::string const head = "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\r\n";
    RequestBounds fits;
    fits.head_bytes_max = head.size();
    fits.header_count_max = 2;
    EXPECT_EQ(run(head, {}, fits).messages, 1);
    auto small = fits;
    small.head_bytes_max = head.size() - 1;
    EXPECT_EQ(run(head, {}, small).status, 431);
    auto few = fits;
    few.header_count_max = 1;
    EXPECT_EQ(run(head, {}, few).status, 431);
    expect_same_however_cut(head, fits);
    expect_same_however_cut(head, small);
}

TEST(Http1Request, RefusesALongHeadBeforeItsEnd) {
    RequestBounds bounds;
    bounds.head_bytes_max = 1000;
    RequestHeadScan scan{bounds};
    auto const received = "GET / HTTP/1.1\r\nX: " + std::string(2000, 'a');
    EXPECT_EQ(scan.scan(received), State::failed);
    EXPECT_EQ(scan.error().http_status, 431);
    EXPECT_EQ(scan.target(received), "/");
}

TEST(Http1Request, SkipsEmptyLinesBeforeAHeadButNotMany) {
    std::string const head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(run("\r\n" + head).messages, 1);
    EXPECT_EQ(run("\r\n\r\n" + head + "\r\n" + head).messages, 2);
    std::string many;
    for (int i = 0; i < 100; ++i) many += "\r\n";
    EXPECT_TRUE(run(many + head).refused);
    RequestHeadScan scan{RequestBounds{}};
    EXPECT_EQ(scan.scan("\r\n"), State::more);
    EXPECT_FALSE(scan.has_begun());
}

// Rows on which sluice knowingly decides otherwise than llhttp, by title, with the reason.
std::map<std::string, std::string> const waivers = {
    {"CRLF between requests, implicit `keep-alive`", "the row does not count the message it holds"},
    {"CRLF between requests, explicit `close`", "the row does not count the message it holds"},
    {"CRLF between requests, explicit `close` followed by tab", "same"},
    {"CRLF between requests, explicit `close` (lenient)", "same"},
    {"Multiple tokens with folding and LWS", "Upgrade is ignored; what follows is no request"},
    {"Upgrade GET request", "Upgrade is ignored; what follows is no request"},
    {"Upgrade POST request", "Upgrade is ignored; what follows is no request"},
    {"Content-Length reset when no body is received",
     "recorded with bodies skipped by its callback"},
    {"HTTP protocol and ANNOUNCE method", "any token is a method; the handler answers 405"},
    {"Invalid method", "any token is a method; the handler answers 405"},
    {"M-SEARCH request", "no HTTP over UDP: an asterisk is a target for OPTIONS only"},
    {"PRI request HTTP2", "an asterisk is a target for OPTIONS only"},
    {"SOURCE request with ICE", "HTTP only"},
    {"OPTIONS request with RTSP", "HTTP only"},
    {"ANNOUNCE request with RTSP", "HTTP only"},
    {"No HTTP version", "no HTTP/0.9"},
    {"POST with `chunked` as last transfer-encoding", "no coding but chunked is understood"},
    {"POST with `chunked` as last transfer-encoding (multiple headers)", "same"},
    {"`host:port` and basic auth", "no credentials in a request target (RFC 9110 section 4.2.4)"},
};

std::string data_file(char const* name) {
    if (auto const* dir = std::getenv("SLUICE_SHARED_DATA")) return std::string{dir} + '/' + name;
    return std::string{SLUICE_SOURCE_DIR} + "/../shared/data/" + name;
}

TEST(Http1Request, DecidesTheLlhttpRequestCases) {
    std::ifstream file{data_file("llhttp-cases.jsonl")};
    if (!file) GTEST_SKIP() << "no llhttp-cases.jsonl";
    RequestBounds bounds;
    bounds.require_host = false;  // most rows leave it out; Host has rows of its own above
    std::map<std::string, int> unused;
    for (auto const& [name, reason] : waivers) unused[name] = 0;
    int rows = 0;
    for (std::string line; std::getline(file, line);) {
        auto const row = nlohmann::json::parse(line);
        auto const type = row["type"].get<std::string>();
        if (!type.starts_with("request")) continue;
        ++rows;
        auto const raw = row["raw"].get<std::string>();
        auto const name = row["file"].get<std::string>() + ": " + row["title"].get<std::string>() +
                          " [" + type + "]";
        expect_same_however_cut(raw, bounds);
        bool const theirs_refused = !row["llhttp_error"].is_null();
        auto const theirs = row["message_complete"].get<int>();
        auto outcome = run(raw, {}, bounds);
        // The data set dropped line ends and the empty line at the end of a row.
        for (char const* end : {"\r\n", "\r\n\r\n"}) {
            if (outcome.refused || !(theirs_refused || outcome.messages < theirs)) break;
            outcome = run(raw + end, {}, bounds);
        }
        // Leniency is theirs only: refusing is right. After `close` nothing more is read at all.
        if (type.starts_with("request-lenient") && outcome.refused) continue;
        if (theirs_refused && row["llhttp_error"].get<std::string>().starts_with("Data after")) {
            EXPECT_EQ(outcome.messages, theirs) << raw;
            continue;
        }
        bool const agrees =
            outcome.refused == theirs_refused && (outcome.refused || outcome.messages == theirs);
        if (agrees) continue;
        auto const title = row["title"].get<std::string>();
        if (waivers.contains(title)) {
            ++unused[title];
            continue;
        }
        ADD_FAILURE() << name << "\nllhttp: " << row["llhttp_error"].dump() << " messages "
                      << theirs << "\nours: " << (outcome.refused ? outcome.why : "accepted")
                      << " messages " << outcome.messages << "\n"
                      << raw;
    }
    EXPECT_GT(rows, 150);
    for (auto const& [name, uses] : unused) EXPECT_GT(uses, 0) << "waiver without use: " << name;
}

}  // namespace
}  // namespace sluice::net
