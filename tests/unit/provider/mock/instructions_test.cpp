// The mock's instructions: syntax, bounds, what is told about a wrong one.
#include "provider/mock/instructions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::provider::mock {
namespace {

TEST(Instructions, ReadsNumbersFlagsAndWords) {
    auto const read = read_instructions(
        " status=429; retry_after = 2;garbage;no_usage=1; silence=0; encoding=gzip;;id=a b ");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->status, 429);
    EXPECT_EQ(read->retry_after, 2);
    EXPECT_TRUE(read->garbage);
    EXPECT_TRUE(read->no_usage);
    EXPECT_FALSE(read->silence);
    EXPECT_EQ(read->encoding, "gzip");
    EXPECT_EQ(read->id, "a b");
    EXPECT_FALSE(read->chunks.has_value());
}

TEST(Instructions, StandOverWhatConfigSays) {
    Instructions base;
    base.chunk_ms = 20;
    base.status = 500;
    auto const read = read_instructions("status=503", base);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(read->status, 503);
    EXPECT_EQ(read->chunk_ms, 20);
}

TEST(Instructions, WrongOnesSayWhatToWrite) {
    struct Case {
        std::string_view text;
        std::string_view part;
    };
    for (auto const& [text, part] :
         {Case{"stauts=1", "did you mean 'status'"}, Case{"status", "from 300 to 599"},
          Case{"status=200", "from 300 to 599"}, Case{"status=4x9", "from 300 to 599"},
          Case{"chunks=0", "from 1 to 1000000"}, Case{"chunk_ms=-1", "from 0"},
          Case{"garbage=yes", "takes no value"}, Case{"encoding=lzma", "gzip, deflate, br or zstd"},
          Case{"text_bytes=99999999999999999999", "whole number"}, Case{"=5", "unknown"}}) {
        auto const read = read_instructions(text);
        ASSERT_FALSE(read.ok()) << text;
        EXPECT_EQ(read.error().http_status, 400);
        EXPECT_THAT(read.error().message, testing::HasSubstr(std::string{part}));
    }
}

TEST(Instructions, ClearingFaultsKeepsThePace) {
    auto read = read_instructions("chunk_ms=5; chunks=7; status=500; reset; encoding=br; code=x");
    ASSERT_TRUE(read.ok());
    read->clear_faults();
    EXPECT_EQ(read->chunk_ms, 5);
    EXPECT_EQ(read->chunks, 7);
    EXPECT_FALSE(read->status.has_value());
    EXPECT_FALSE(read->reset);
    EXPECT_EQ(read->encoding, "");
}

}  // namespace
}  // namespace sluice::provider::mock
