// Answer heads: what is read, what is refused, and that no split of the bytes changes either.
#include "net/http1_response.hpp"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "codec/chunked.hpp"

namespace sluice::net {
namespace {

// What became of an answer's bytes, head and body.
struct Outcome {
    bool refused = false;
    bool head = false;      // the head was read
    bool complete = false;  // the body's end is known to be there
    bool excess = false;    // bytes behind it: such a connection is never used again
    int status = 0;
    std::string body;
    std::string why;

    friend bool operator==(Outcome const& a, Outcome const& b) {
        return a.refused == b.refused && a.head == b.head && a.complete == b.complete &&
               a.excess == b.excess && a.status == b.status && (a.refused || a.body == b.body);
    }
};

void take_body(Outcome& out, ResponseHeadReader const& reader, codec::ChunkedDecoder& chunks,
               std::string_view bytes) {
    if (bytes.empty() && reader.framing() != BodyFraming::none) return;
    if (out.complete) {
        out.excess = out.excess || !bytes.empty();
        return;
    }
    switch (reader.framing()) {
        case BodyFraming::none:
            out.complete = true;
            out.excess = !bytes.empty();
            break;
        case BodyFraming::until_close:
            out.body += bytes;
            break;
        case BodyFraming::length: {
            auto const n =
                std::min<std::size_t>(reader.head().content_length - out.body.size(), bytes.size());
            out.body += bytes.substr(0, n);
            out.complete = out.body.size() == reader.head().content_length;
            out.excess = n < bytes.size();
            break;
        }
        case BodyFraming::chunked: {
            auto const fed = chunks.feed(bytes, [&](std::string_view p) { out.body += p; });
            if (fed.state == codec::ChunkedDecoder::State::failed) {
                out.refused = true;
                out.why = chunks.reason();
            }
            out.complete = fed.state == codec::ChunkedDecoder::State::done;
            out.excess = out.complete && fed.consumed < bytes.size();
            break;
        }
    }
}

Outcome read_answer(std::vector<std::string_view> const& pieces,
                    http::Method asked = http::Method::get) {
    ResponseHeadReader reader{64 * 1024, 200, asked};
    codec::ChunkedDecoder chunks;
    Outcome out;
    for (auto piece : pieces) {
        if (out.refused) break;
        if (!reader.complete()) {
            auto const used = reader.feed(piece);
            if (!used.ok()) {
                out.refused = true;
                out.why = used.error().detail;
                break;
            }
            piece.remove_prefix(used.value());
            if (!reader.complete()) continue;
        }
        out.head = true;
        out.status = reader.head().status;
        take_body(out, reader, chunks, piece);
    }
    return out;
}

Outcome read_whole(std::string_view raw, http::Method asked = http::Method::get) {
    return read_answer({raw}, asked);
}

// The quick way and Beast say the same.
void expect_as_beast(std::string_view raw, std::string const& name) {
    ResponseHeadReader quick{64 * 1024, 200, http::Method::get};
    ResponseHeadReader slow{64 * 1024, 200, http::Method::get, HeadSplit::beast};
    auto const first = quick.feed(raw);
    auto const second = slow.feed(raw);
    ASSERT_EQ(first.ok(), second.ok()) << name;
    ASSERT_EQ(quick.complete(), slow.complete()) << name;
    if (!first.ok() || !quick.complete()) return;
    EXPECT_EQ(quick.framing(), slow.framing()) << name;
    auto const &got = quick.head().headers, &wanted = slow.head().headers;
    ASSERT_EQ(got.size(), wanted.size()) << name;
    for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got.begin()[i].name, wanted.begin()[i].name) << name;
        EXPECT_EQ(got.begin()[i].value, wanted.begin()[i].value) << name;
    }
}

void expect_same_in_any_split(std::string const& raw, std::string const& name) {
    expect_as_beast(raw, name);
    auto const whole = read_whole(raw);
    std::string_view const view{raw};
    for (std::size_t at = 1; at < raw.size(); ++at) {
        ASSERT_EQ(read_answer({view.substr(0, at), view.substr(at)}), whole)
            << name << " split at " << at;
    }
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < raw.size(); ++at) bytes.push_back(view.substr(at, 1));
    ASSERT_EQ(read_answer(bytes), whole) << name << " byte by byte";
}

TEST(ResponseHead, FieldsStatusAndLengthAreRead) {
    ResponseHeadReader reader{1024, 10, http::Method::post};
    std::string_view const raw =
        "HTTP/1.1 429 Too Many\r\nRetry-After:  7 \r\ncontent-length: 3\r\n\r\nabcX";
    auto const used = reader.feed(raw);
    ASSERT_TRUE(used.ok());
    EXPECT_EQ(raw.substr(used.value()), "abcX");
    EXPECT_EQ(reader.head().status, 429);
    EXPECT_EQ(reader.head().headers.get("retry-after"), "7");
    EXPECT_EQ(reader.head().headers.size(), 2u);
    EXPECT_TRUE(reader.head().keep_alive);
    EXPECT_EQ(reader.head().content_length, 3u);
    EXPECT_EQ(reader.framing(), BodyFraming::length);
}

TEST(ResponseHead, FramingFollowsStatusMethodAndFields) {
    struct Row {
        std::string_view raw;
        http::Method asked;
        BodyFraming framing;
        bool keep_alive;
    };
    Row const rows[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", http::Method::get, BodyFraming::length,
         true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", http::Method::head, BodyFraming::none,
         true},
        {"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", http::Method::post, BodyFraming::none,
         true},
        {"HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", http::Method::get, BodyFraming::none,
         true},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", http::Method::get,
         BodyFraming::chunked, true},
        {"HTTP/1.1 200 OK\r\n\r\n", http::Method::get, BodyFraming::until_close, false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", http::Method::get, BodyFraming::length,
         false},
        {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\n",
         http::Method::get, BodyFraming::length, true},
        {"HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 1\r\n\r\n", http::Method::get,
         BodyFraming::length, false},
    };
    for (auto const& row : rows) {
        ResponseHeadReader reader{1024, 10, row.asked};
        ASSERT_TRUE(reader.feed(row.raw).ok()) << row.raw;
        ASSERT_TRUE(reader.complete()) << row.raw;
        EXPECT_EQ(reader.framing(), row.framing) << row.raw;
        EXPECT_EQ(reader.head().keep_alive, row.keep_alive) << row.raw;
    }
}

TEST(ResponseHead, InterimAnswersAreSkippedUpToABound) {
    std::string const interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    std::string const last = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    auto const two = read_whole(interim + interim + last);
    EXPECT_EQ(two.status, 200);
    EXPECT_FALSE(two.refused);
    expect_same_in_any_split(interim + "HTTP/1.1 100 Continue\r\n\r\n" + last, "two interim");

    std::string many;
    for (unsigned i = 0; i <= ResponseHeadReader::interim_max; ++i) many += interim;
    EXPECT_TRUE(read_whole(many + last).refused);
}

TEST(ResponseHead, AmbiguousAndMalformedHeadsAreRefused) {
    std::string const ok = "HTTP/1.1 200 OK\r\n";
    std::string const rows[] = {
        ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        ok + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
        ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        ok + "Content-Length: 1, 1\r\n\r\n",
        ok + "Content-Length: +1\r\n\r\n",
        ok + "Content-Length: -1\r\n\r\n",
        ok + "Content-Length: 0x1\r\n\r\n",
        ok + "Content-Length:\r\n\r\n",
        ok + "Content-Length: 99999999999999999999\r\n\r\n",
        ok + "Content-Length: 9223372036854775807\r\n\r\n",
        ok + "Transfer-Encoding: gzip, chunked\r\n\r\n",
        ok + "Transfer-Encoding: identity\r\n\r\n",
        ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        ok + "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        ok + "A: b\r\n folded\r\n\r\n",
        ok + " A: b\r\n\r\n",
        ok + "A: b\rC: d\r\n\r\n",
        ok + "A: b\nC: d\r\n\r\n",
        ok + "A: b\r\n\n",
        ok + "A : b\r\n\r\n",
        ok + ": b\r\n\r\n",
        ok + "A\r\n\r\n",
        ok + "A: b\x01\r\n\r\n",
        ok + "A: b\x7f\r\n\r\n",
        ok + std::string("A: b\0c\r\n\r\n", 10),
        ok + "A(: b\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2",
        "\x15\x03\x01",
    };
    for (auto const& raw : rows) {
        EXPECT_TRUE(read_whole(raw).refused) << raw;
        expect_same_in_any_split(raw, raw);
    }
}

TEST(ResponseHead, BoundsOnBytesAndFieldsHold) {
    auto const with_fields = [](unsigned n) {
        std::string raw = "HTTP/1.1 200 OK\r\n";
        for (unsigned i = 0; i < n; ++i) raw += "a: b\r\n";
        return raw + "\r\n";
    };
    auto const reads = [](std::string const& raw, std::size_t bytes, std::size_t fields) {
        ResponseHeadReader reader{bytes, fields, http::Method::get};
        return reader.feed(raw).ok();
    };
    auto const raw = with_fields(10);
    EXPECT_TRUE(reads(raw, raw.size(), 10));
    EXPECT_FALSE(reads(raw, raw.size() - 1, 10));
    EXPECT_FALSE(reads(raw, raw.size(), 9));
    // Never-ending lines count as they come.
    ResponseHeadReader reader{1000, 10, http::Method::get};
    EXPECT_FALSE(reader.feed("HTTP/1.1 200 " + std::string(2000, 'x')).ok());
}

// Rows of the public set that llhttp takes and we refuse on purpose.
std::map<std::string, std::string> const waivers = {
    {"HTTP 101 response with Upgrade and Content-Length header", "we never ask for an upgrade"},
    {"HTTP 101 response with Upgrade and Transfer-Encoding header", "we never ask for an upgrade"},
    {"HTTP 100 first, then 400", "stray CRLF between heads: out of step"},
    {"Response starting with CRLF", "stray CRLF before the head: out of step"},
    {"RTSP response", "not HTTP"},
    {"ICE response", "not HTTP"},
    {"HTTP version 0.9", "HTTP/1.0 and 1.1 only"},
    {"`chunked` before other transfer-encoding", "a coding we do not remove"},
    {"multiple transfer-encoding where chunked is not the last one", "a coding we do not remove"},
    {"`chunkedchunked` transfer-encoding does not enable chunked enconding", "unknown coding"},
    {"Invalid HTTP version (lenient)", "lenient mode"},
    {"Bare CR after response line (lenient)", "lenient mode"},
    {"Only LFs present and no body (lenient)", "lenient mode"},
    {"Only LFs present (lenient)", "lenient mode"},
    {"No carriage ret (lenient)", "lenient mode"},
    {"Invalid OBS fold after chunked value", "lenient mode"},
};

TEST(ResponseHead, PublicCasesAreReadOrRefusedAlikeInAnySplit) {
    auto const* const shared = std::getenv("SLUICE_SHARED_DATA");
    std::string const dir = shared ? shared : std::string{SLUICE_SOURCE_DIR} + "/../shared/data";
    std::ifstream file{dir + "/llhttp-cases.jsonl"};
    if (!file) GTEST_SKIP() << "no test data at " << dir;
    int rows = 0;
    for (std::string line; std::getline(file, line);) {
        auto const row = nlohmann::json::parse(line);
        if (row["type"].get<std::string>().rfind("response", 0) != 0) continue;
        ++rows;
        auto const title = row["title"].get<std::string>();
        auto const raw = row["raw"].get<std::string>();
        auto const outcome = read_whole(raw);
        if (!row["llhttp_error"].is_null()) {
            // A second message behind the last one is no error of the first: it ends the reuse.
            auto const after = row["llhttp_error"].get<std::string>().rfind("Data after", 0) == 0;
            EXPECT_TRUE(after ? outcome.excess : outcome.refused) << title;
        } else {
            EXPECT_EQ(outcome.refused, waivers.count(title) == 1) << title << ": " << outcome.why;
        }
        expect_same_in_any_split(raw, title);
    }
    EXPECT_GT(rows, 50);
}

}  // namespace
}  // namespace sluice::net
