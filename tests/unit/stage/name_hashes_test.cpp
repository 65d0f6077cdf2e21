// Names that requests say, hashed once and found again.
#include "stage/limiter/name_hashes.hpp"

#include <gtest/gtest.h>
#include <random>

#include "store/memory/cell_table.hpp"

namespace sluice::stage {
namespace {

TEST(NameHashes, SayOfEachNameWhatTheHashSaysHoweverManyThereAre) {
    NameHashes names;
    std::mt19937 dice(3);
    for (int i = 0; i < 20'000; ++i) {
        // More than there are places; some too long to be kept.
        std::string name = "user " + std::to_string(dice() % 2000);
        if (dice() % 10 == 0) name.append(140, 'x');
        ASSERT_EQ(names.of(name), store::identity_hash(name)) << name;
    }
    EXPECT_EQ(names.of(""), store::identity_hash(""));
}

}  // namespace
}  // namespace sluice::stage
