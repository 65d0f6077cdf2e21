// Content decoders: whole, in pieces, cut, broken, several members, and bombs.
#include "codec/encoding.hpp"

#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <vector>
#include <zlib.h>
#include <zstd.h>

namespace sluice::codec {
namespace {

// window: 15 zlib, -15 raw, 31 gzip.
std::string deflated(std::string_view text, int window) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    std::string out(compressBound(text.size()) + 64, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

std::string zstd(std::string_view text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
}

std::string const brotli_plain = "hello hello hello, brotli";
std::string brotli() {
    return {
        "\x1b\x18\x00\x00\xc4\x71\x6c\xdd\xfc\xee\xea\x45\x44\xca\x41\x74\x41\xa6\x0e\xcf\xe9"
        "\x43\x08\xad\x8f\x01",
        26};
}
// 4 MiB of zeros in 14 bytes.
std::string brotli_bomb() {
    return {"\x9f\xff\xff\x3f\xf8\x27\x00\xe2\xb1\x40\x20\xf7\xfe\x07", 14};
}

struct Got {
    std::string text;
    bool ok = true;
    ErrorCode code = ErrorCode::internal;
};

Got decode(std::string_view coding, std::vector<std::string_view> const& pieces,
           std::uint64_t max = 64 << 20, Encoded whose = Encoded::answer) {
    Got got;
    auto opened = open_decoder(coding, max, whose);
    EXPECT_TRUE(opened && *opened);
    auto& decoder = **opened;
    Result<void> result;
    for (auto const piece : pieces) {
        if (result) result = decoder.feed(piece, got.text);
    }
    if (result) result = decoder.finish();
    got.ok = result.ok();
    if (!result) got.code = result.error().code;
    return got;
}

std::vector<std::string_view> pieces_of(std::string_view text, std::size_t bytes) {
    std::vector<std::string_view> pieces;
    for (std::size_t at = 0; at < text.size(); at += bytes)
        pieces.push_back(text.substr(at, bytes));
    return pieces;
}

std::string long_text() {
    std::mt19937 random(1);
    std::string text;
    for (int i = 0; i < 40000; ++i) text += static_cast<char>('a' + random() % 20);
    return text;
}

struct Row {
    std::string name;
    std::string coding;
    std::string plain;
    std::string encoded;
};

std::vector<Row> rows() {
    auto const text = long_text();
    return {{"gzip", "gzip", text, deflated(text, 31)},
            {"gzip_empty", "gzip", "", deflated("", 31)},
            {"x_gzip", "X-Gzip", text, deflated(text, 31)},
            {"gzip_two_members", "gzip", text + "tail", deflated(text, 31) + deflated("tail", 31)},
            {"gzip_padded", "gzip", text, deflated(text, 31) + std::string(512, '\0')},
            {"deflate_zlib", " deflate ", text, deflated(text, 15)},
            {"deflate_raw", "deflate", text, deflated(text, -15)},
            {"br", "br", brotli_plain, brotli()},
            {"zstd", "zstd", text, zstd(text)},
            {"zstd_two_frames", "zstd", text + "tail", zstd(text) + zstd("tail")}};
}

class Encodings : public testing::TestWithParam<Row> {};

TEST_P(Encodings, DecodeInEveryPieceSize) {
    for (std::size_t bytes : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{4096},
                              std::size_t{1} << 20}) {
        auto const got = decode(GetParam().coding, pieces_of(GetParam().encoded, bytes));
        EXPECT_TRUE(got.ok) << bytes;
        EXPECT_EQ(got.text, GetParam().plain) << bytes;
    }
}

TEST_P(Encodings, ACutBodyIsAnError) {
    auto const& encoded = GetParam().encoded;
    if (GetParam().name == "gzip_padded") return;  // its padding may be cut
    auto const got =
        decode(GetParam().coding, {std::string_view{encoded}.substr(0, encoded.size() - 1)});
    EXPECT_FALSE(got.ok);
    EXPECT_EQ(got.code, ErrorCode::upstream_bad_response);
}

TEST_P(Encodings, TrailingGarbageIsAnError) {
    auto const got = decode(GetParam().coding, {GetParam().encoded, "garbage"});
    EXPECT_FALSE(got.ok);
}

TEST_P(Encodings, PlainSizeIsBounded) {
    if (GetParam().plain.empty()) return;
    auto const got = decode(GetParam().coding, {GetParam().encoded}, GetParam().plain.size() - 1);
    EXPECT_FALSE(got.ok);
    EXPECT_EQ(got.code, ErrorCode::response_too_large);
    EXPECT_TRUE(decode(GetParam().coding, {GetParam().encoded}, GetParam().plain.size()).ok);
}

INSTANTIATE_TEST_SUITE_P(Table, Encodings, testing::ValuesIn(rows()),
                         [](auto const& row) { return row.param.name; });

TEST(Encoding, GarbageIsRefused) {
    for (auto const* coding : {"gzip", "deflate", "br", "zstd"}) {
        EXPECT_FALSE(decode(coding, {"{\"this\":\"is plain JSON, not encoded at all\"}"}).ok)
            << coding;
    }
}

TEST(Encoding, ABombStopsAtItsRatio) {
    std::string const zeros(16 << 20, '\0');
    std::vector<std::pair<std::string, std::string>> const bombs{{"gzip", deflated(zeros, 31)},
                                                                 {"deflate", deflated(zeros, 15)},
                                                                 {"zstd", zstd(zeros)},
                                                                 {"br", brotli_bomb()}};
    for (auto const& [coding, bomb] : bombs) {
        auto const got = decode(coding, {bomb}, std::uint64_t{1} << 40);
        EXPECT_FALSE(got.ok) << coding;
        EXPECT_EQ(got.code, ErrorCode::response_too_large) << coding;
        EXPECT_LE(got.text.size(), Decoder::ratio_slack + Decoder::ratio_max * bomb.size())
            << coding;
    }
}

TEST(Encoding, RequestsFailAsTheCallersFault) {
    EXPECT_EQ(decode("gzip", {"nonsense"}, 100, Encoded::request).code, ErrorCode::invalid_request);
    EXPECT_EQ(decode("gzip", {deflated(long_text(), 31)}, 100, Encoded::request).code,
              ErrorCode::body_too_large);
}

TEST(Encoding, KnowsItsCodings) {
    for (auto const* none : {"", "identity", " Identity "}) {
        auto const opened = open_decoder(none, 1);
        ASSERT_TRUE(opened) << none;
        EXPECT_EQ(*opened, nullptr) << none;
    }
    for (auto const* unknown : {"compress", "gzip, br", "gzip,", "aes128gcm"}) {
        auto const opened = open_decoder(unknown, 1);
        ASSERT_FALSE(opened) << unknown;
        EXPECT_EQ(opened.error().code, ErrorCode::unsupported_encoding) << unknown;
    }
}

TEST(Encoding, AStreamComesOutAsItIsFlushed) {
    z_stream stream{};
    ASSERT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    auto opened = open_decoder("gzip", 1 << 20);
    ASSERT_TRUE(opened);
    std::string all;
    for (int i = 0; i < 5; ++i) {
        std::string event = "data: " + std::to_string(i) + "\n\n";
        std::string room(256, '\0');
        stream.next_in = reinterpret_cast<Bytef*>(event.data());
        stream.avail_in = static_cast<uInt>(event.size());
        stream.next_out = reinterpret_cast<Bytef*>(room.data());
        stream.avail_out = static_cast<uInt>(room.size());
        ASSERT_EQ(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
        std::string out;
        ASSERT_TRUE(
            (*opened)->feed(std::string_view{room}.substr(0, room.size() - stream.avail_out), out));
        EXPECT_EQ(out, event);
    }
    EXPECT_FALSE((*opened)->finish());
    deflateEnd(&stream);
}

}  // namespace
}  // namespace sluice::codec
