// Nearest names: distances, and what counts as near enough to tell.
#include "base/nearest.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(EditDistance, Table) {
    struct Case {
        std::string_view a, b;
        std::size_t distance;
    };
    for (auto const& [a, b, distance] :
         {Case{"", "", 0}, Case{"abc", "", 3}, Case{"abc", "abc", 0}, Case{"abc", "ABC", 0},
          Case{"kitten", "sitting", 3}, Case{"listeners", "listners", 1},
          Case{"timeout", "timoeut", 1}, Case{"ab", "ba", 1}, Case{"retry", "route", 4}}) {
        EXPECT_EQ(edit_distance(a, b), distance) << a << " " << b;
        EXPECT_EQ(edit_distance(b, a), distance) << b << " " << a;
    }
}

TEST(EditDistance, LooksAtABoundedPart) {
    std::string const a(100'000, 'a');
    EXPECT_EQ(edit_distance(a, std::string(100'000, 'b')), 64u);
}

TEST(Nearest, TellsWhatIsNearAndNothingElse) {
    std::string_view const names[] = {"listeners", "defaults", "auth", "limits"};
    EXPECT_EQ(nearest("listner", names), "listeners");
    EXPECT_EQ(nearest("Limit", names), "limits");
    EXPECT_EQ(nearest("default", names), "defaults");
    EXPECT_EQ(nearest("providers", names), "");
    EXPECT_EQ(nearest("x", names), "");
}

TEST(NearestNames, NearestFirstAndBounded) {
    std::string_view const models[] = {"gpt-4o", "gpt-4o-mini", "gpt-4.1", "claude", "chat-fast"};
    auto const names = nearest_names("gpt-4", models, 2);
    ASSERT_EQ(names.size(), 2u);
    EXPECT_EQ(names[0], "gpt-4o");
    EXPECT_EQ(names[1], "gpt-4.1");
    // A name that one begins with is near, however much is missing.
    EXPECT_EQ(nearest_names("chat", models, 5).back(), "chat-fast");
}

}  // namespace
}  // namespace sluice
