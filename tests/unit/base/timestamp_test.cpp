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
        EXPECT_EQ(to_date(Wall::time_point{milliseconds{ms}}), text.substr(0, 10));
    }
}

}  // namespace
}  // namespace sluice
