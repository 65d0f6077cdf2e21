// The chunked decoder: what it takes, what it refuses, and that the split never matters.
#include "codec/chunked.hpp"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace sluice::codec {
namespace {

struct Outcome {
    std::string payload;
    ChunkedDecoder::State state = ChunkedDecoder::State::more;
    std::size_t consumed = 0;
    bool operator==(Outcome const&) const = default;
};

Outcome decode(std::vector<std::string_view> const& pieces) {
    ChunkedDecoder decoder;
    Outcome out;
    for (auto const piece : pieces) {
        if (out.state != ChunkedDecoder::State::more) break;
        auto const fed = decoder.feed(piece, [&](std::string_view bytes) {
            EXPECT_GE(bytes.data(), piece.data());
            EXPECT_LE(bytes.data() + bytes.size(), piece.data() + piece.size());
            out.payload += bytes;
        });
        out.state = fed.state;
        out.consumed += fed.consumed;
    }
    EXPECT_EQ(out.state == ChunkedDecoder::State::failed, !decoder.reason().empty());
    return out;
}

// Whole, every two-way split, and byte by byte must agree.
Outcome decode_every_way(std::string_view input) {
    auto const whole = decode({input});
    for (std::size_t at = 0; at <= input.size(); ++at) {
        EXPECT_EQ(whole, decode({input.substr(0, at), input.substr(at)})) << "split at " << at;
    }
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < input.size(); ++at) bytes.push_back(input.substr(at, 1));
    EXPECT_EQ(whole, decode(bytes));
    return whole;
}

struct Accepted {
    std::string name;
    std::string input;
    std::string payload;
    std::string rest;  // of the input, left to the next message
};

class ChunkedAccepts : public testing::TestWithParam<Accepted> {};

TEST_P(ChunkedAccepts, InEverySplit) {
    auto const& given = GetParam();
    auto const got = decode_every_way(given.input + given.rest);
    EXPECT_EQ(got.state, ChunkedDecoder::State::done);
    EXPECT_EQ(got.payload, given.payload);
    EXPECT_EQ(got.consumed, given.input.size());
}

INSTANTIATE_TEST_SUITE_P(
    Table, ChunkedAccepts,
    testing::Values(
        Accepted{"empty_body", "0\r\n\r\n", "", ""},
        Accepted{"one_chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", ""},
        Accepted{"upper_case", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""},
        Accepted{"leading_zeros", "005\r\nhello\r\n000\r\n\r\n", "hello", ""},
        Accepted{"sixteen_digits", "0000000000000001\r\nx\r\n0\r\n\r\n", "x", ""},
        Accepted{"two_chunks", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", ""},
        Accepted{"payload_that_looks_like_framing", "5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n", ""},
        Accepted{"pipelined_rest", "1\r\nx\r\n0\r\n\r\n", "x", "GET / HTTP/1.1\r\n\r\n"},
        Accepted{"extensions", "1;a;b=c;d=\"e \\\" f\"\r\nx\r\n0;last\r\n\r\n", "x", ""},
        Accepted{"trailers", "1\r\nx\r\n0\r\nVary: *\r\nX-Y:z\r\nEmpty:\r\n\r\n", "x", ""}),
    [](auto const& row) { return row.param.name; });

struct Refused {
    std::string name;
    std::string input;
};

class ChunkedRefuses : public testing::TestWithParam<Refused> {};

TEST_P(ChunkedRefuses, InEverySplit) {
    EXPECT_EQ(decode_every_way(GetParam().input).state, ChunkedDecoder::State::failed);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ChunkedRefuses,
    testing::Values(
        Refused{"no_size", "\r\nx"}, Refused{"no_digits_but_extension", ";a\r\nx"},
        Refused{"seventeen_digits", "00000000000000001\r\nx\r\n"},
        Refused{"size_over_the_limit", "ffffffffffffffff\r\n"},
        Refused{"hex_prefix", "0x5\r\nhello\r\n"}, Refused{"sign", "+5\r\nhello\r\n"},
        Refused{"minus", "-5\r\nhello\r\n"}, Refused{"underscore", "1_0\r\n"},
        Refused{"space_before_size", " 5\r\nhello\r\n"},
        Refused{"space_behind_size", "5 \r\nhello\r\n"},
        Refused{"tab_behind_size", "5\t\r\nhello\r\n"},
        Refused{"space_before_extension", "5 ;a\r\nhello\r\n"},
        Refused{"space_in_extension", "5; a\r\nhello\r\n"},
        Refused{"bare_lf_behind_size", "5\nhello\r\n"},
        Refused{"bare_cr_behind_size", "5\rhello\r\n"}, Refused{"double_cr", "5\r\r\nhello\r\n"},
        Refused{"bare_lf_behind_chunk", "5\r\nhello\n0"},
        Refused{"bare_cr_behind_chunk", "5\r\nhello\r0"},
        Refused{"chunk_longer_than_size", "4\r\nhello\r\n"},
        Refused{"chunk_shorter_than_size", "6\r\nhello\r\n0\r\n\r\n"},
        Refused{"empty_extension", "5;\r\nhello\r\n"},
        Refused{"extension_without_value", "5;a=\r\n"}, Refused{"lf_in_extension", "5;a\nhello"},
        Refused{"nul_in_extension", std::string("5;a\0", 4)},
        Refused{"open_quote", "5;a=\"b\r\nhello\r\n"}, Refused{"behind_quote", "5;a=\"b\"c\r\n"},
        Refused{"long_extension", "5;" + std::string(300, 'a') + "\r\nhello\r\n"},
        Refused{"trailer_without_colon", "0\r\nVary\r\n\r\n"},
        Refused{"trailer_space_before_colon", "0\r\nVary : x\r\n\r\n"},
        Refused{"trailer_empty_name", "0\r\n: x\r\n\r\n"},
        Refused{"trailer_fold", "0\r\nVary: x\r\n y\r\n\r\n"},
        Refused{"trailer_bare_lf", "0\r\nVary: x\n\r\n"},
        Refused{"trailer_bare_cr", "0\r\nVary: x\ry\r\n\r\n"},
        Refused{"trailer_nul", std::string("0\r\nVary: \0\r\n\r\n", 14)},
        Refused{"end_without_lf", "0\r\n\rx"}),
    [](auto const& row) { return row.param.name; });

TEST(Chunked, BoundsTrailersAndExtensionsOfTheWholeBody) {
    std::string trailers = "0\r\n";
    for (int i = 0; i < 500; ++i) trailers += "X-Filler: 0123456789\r\n";
    EXPECT_EQ(decode({trailers}).state, ChunkedDecoder::State::failed);

    std::string extensions;
    for (int i = 0; i < 100; ++i) extensions += "1;" + std::string(200, 'a') + "\r\nx\r\n";
    EXPECT_EQ(decode({extensions}).state, ChunkedDecoder::State::failed);
}

TEST(Chunked, FailureIsForGood) {
    ChunkedDecoder decoder;
    EXPECT_EQ(decoder.step("zz").state, ChunkedDecoder::State::failed);
    EXPECT_EQ(decoder.step("5\r\nhello\r\n").state, ChunkedDecoder::State::failed);
    EXPECT_TRUE(decoder.step("5\r\nhello\r\n").payload.empty());
}

TEST(Chunked, ACutBodyIsNotDone) {
    for (std::string_view cut :
         {"", "5", "5\r\n", "5\r\nhel", "5\r\nhello", "5\r\nhello\r\n0\r\n"}) {
        EXPECT_EQ(decode({cut}).state, ChunkedDecoder::State::more) << cut;
    }
}

TEST(Chunked, HeadIsWrittenInHex) {
    EXPECT_EQ(ChunkHead(1).view(), "1\r\n");
    EXPECT_EQ(ChunkHead(0x1a2b).view(), "1a2b\r\n");
    EXPECT_EQ(ChunkHead(~std::uint64_t{0}).view(), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace sluice::codec
