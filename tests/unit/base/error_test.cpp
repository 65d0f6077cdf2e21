// Error names are an interface: every code has one, in snake case, and no two share one.
#include "sluice/error.hpp"

#include <gtest/gtest.h>
#include <set>

namespace sluice {
namespace {

TEST(ErrorCode, NamesAreDistinctSnakeCase) {
    std::set<std::string_view> seen;
    auto const last = static_cast<int>(ErrorCode::upstream_rejected);
    for (int i = 0; i <= last; ++i) {
        auto const name = to_string(static_cast<ErrorCode>(i));
        EXPECT_TRUE(seen.insert(name).second) << name;
        EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos);
    }
    EXPECT_EQ(to_string(ErrorCode::upstream_credentials_exhausted),
              "upstream_credentials_exhausted");
}

TEST(Origin, Names) {
    EXPECT_EQ(to_string(Origin::client), "client");
    EXPECT_EQ(to_string(Origin::gateway), "gateway");
    EXPECT_EQ(to_string(Origin::upstream), "upstream");
}

}  // namespace
}  // namespace sluice
