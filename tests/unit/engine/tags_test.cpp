// Values of tags are bounded in number.
#include "engine/tags.hpp"

#include <gtest/gtest.h>

namespace sluice::engine {
namespace {

TEST(KnownValues, KeepApartAsManyAsTheyMay) {
    KnownValues known;
    ASSERT_TRUE(known.admit_name("feature"));
    EXPECT_EQ(known.admit("feature", "a", 2), "a");
    EXPECT_EQ(known.admit("feature", "b", 2), "b");
    EXPECT_EQ(known.admit("feature", "c", 2), other_value);
    EXPECT_EQ(known.admit("feature", "a", 2), "a") << "known ones stay";
    EXPECT_EQ(known.admit("feature", "", 2), "");
    EXPECT_EQ(known.admit("stage", "a", 2), other_value) << "a name that was not admitted";
}

TEST(KnownValues, BoundTheNamesToo) {
    KnownValues known;
    for (std::size_t i = 0; i < KnownValues::names_max; ++i) {
        EXPECT_TRUE(known.admit_name("n" + std::to_string(i)));
    }
    EXPECT_FALSE(known.admit_name("one-more"));
    EXPECT_TRUE(known.admit_name("n0"));
}

}  // namespace
}  // namespace sluice::engine
