// Timestamps in RFC 3339, UTC, milliseconds.
#include "base/timestamp.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Timestamp, Table) {
    struct Case {
        std::int64_t ms;
        std::string_view text;
    };
    for (auto const& [ms, text] :
         {Case{0, "1970-01-01T00:00:00.000Z"}, Case{951'782'399'999, "2000-02-28T23:59:59.999Z"},
          Case{951'782'400'000, "2000-02-29T00:00:00.000Z"},
          Case{1'795'350'784'123, "2026-11-22T12:33:04.123Z"},
          Case{-1, "1969-12-31T23:59:59.999Z"}}) {
        std::string out;
        append_timestamp(out, Wall::time_point{milliseconds{ms}});
        EXPECT_EQ(out, text);
        std::array<char, timestamp_bytes> written;
        auto* const end = write_timestamp(written.data(), Wall::time_point{milliseconds{ms}});
        EXPECT_EQ(std::string_view(written.data(), end), text);
        EXPECT_EQ(to_date(Wall::time_point{milliseconds{ms}}), text.substr(0, 10));
    }
}

TEST(Timestamp, ReadsDaysAndTimes) {
    struct Case {
        std::string_view text;
        std::int64_t ms;
    };
    for (auto const& [text, ms] :
         {Case{"1970-01-01", 0}, Case{"1970-01-01T00:00:00Z", 0},
          Case{"2000-02-29", 951'782'400'000}, Case{"2000-02-28T23:59:59.999Z", 951'782'399'999},
          Case{"2026-11-22T12:33:04.1Z", 1'795'350'784'100},
          Case{"2026-11-22T12:33:04.123456789Z", 1'795'350'784'123}}) {
        auto const at = read_timestamp(text);
        ASSERT_TRUE(at) << text;
        EXPECT_EQ(*at, Wall::time_point{milliseconds{ms}}) << text;
    }
    for (auto const* text :
         {"", "2026", "2026-11", "2026-13-01", "2026-02-30", "2026-11-22T", "2026-11-22T12:33:04",
          "2026-11-22T24:00:00Z", "2026-11-22T12:60:00Z", "2026-11-22 12:33:04Z", "2026-11-22Z",
          "2026-11-22T12:33:04.Z", "2026-11-22T12:33:04.1234567890Z", "9999-01-01", "+026-11-22",
          "2026-11-22T12:33:04Zx", "2026-1-22"}) {
        EXPECT_FALSE(read_timestamp(text)) << text;
    }
}

}  // namespace
}  // namespace sluice
