// Content encodings of the mock: real decoders read them, and each write can be read at once.
#include "provider/mock/compressor.hpp"

#include <brotli/decode.h>
#include <gtest/gtest.h>
#include <optional>
#include <zlib.h>
#include <zstd.h>

namespace sluice::provider::mock {
namespace {

std::string inflate_all(std::string const& packed, int window_bits) {
    z_stream stream{};
    EXPECT_EQ(inflateInit2(&stream, window_bits), Z_OK);
    std::string in = packed;
    std::string out(1 << 20, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(in.data());
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    inflate(&stream, Z_SYNC_FLUSH);
    out.resize(out.size() - stream.avail_out);
    inflateEnd(&stream);
    return out;
}

std::string decode(std::string const& encoding, std::string const& packed) {
    if (encoding == "gzip") return inflate_all(packed, 31);
    if (encoding == "deflate") return inflate_all(packed, 15);
    std::string out(1 << 20, '\0');
    if (encoding == "zstd") {
        auto* const context = ZSTD_createDCtx();
        ZSTD_inBuffer in{packed.data(), packed.size(), 0};
        ZSTD_outBuffer to{out.data(), out.size(), 0};
        EXPECT_FALSE(ZSTD_isError(ZSTD_decompressStream(context, &to, &in)));
        ZSTD_freeDCtx(context);
        out.resize(to.pos);
        return out;
    }
    auto* const state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
    auto const* in = reinterpret_cast<std::uint8_t const*>(packed.data());
    auto* to = reinterpret_cast<std::uint8_t*>(out.data());
    std::size_t in_left = packed.size();
    std::size_t out_left = out.size();
    auto const result =
        BrotliDecoderDecompressStream(state, &in_left, &in, &out_left, &to, nullptr);
    EXPECT_NE(result, BROTLI_DECODER_RESULT_ERROR);
    BrotliDecoderDestroyInstance(state);
    out.resize(out.size() - out_left);
    return out;
}

TEST(Compressor, EachWriteCanBeReadAtOnceAndTheWholeAtTheEnd) {
    for (std::string const encoding : {"gzip", "deflate", "br", "zstd"}) {
        auto const compressor = Compressor::create(encoding);
        ASSERT_TRUE(compressor) << encoding;
        std::string packed;
        std::string plain;
        for (std::string const& piece : {std::string{"data: one\n\n"}, std::string{"data: two\n\n"},
                                         std::string(200'000, 'z')}) {
            packed += compressor->write(piece);
            plain += piece;
            EXPECT_EQ(decode(encoding, packed), plain) << encoding;
        }
        packed += compressor->end();
        EXPECT_EQ(decode(encoding, packed), plain) << encoding;
    }
}

TEST(Compressor, AnEmptyBodyIsValid) {
    for (std::string const encoding : {"gzip", "deflate", "br", "zstd"}) {
        EXPECT_EQ(decode(encoding, Compressor::create(encoding)->end()), "") << encoding;
    }
}

TEST(Compressor, OtherNamesHaveNone) { EXPECT_FALSE(Compressor::create("identity")); }

}  // namespace
}  // namespace sluice::provider::mock
