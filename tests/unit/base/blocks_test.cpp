// Blocks: which are used again, and that objects and containers give theirs back.
#include "sluice/blocks.hpp"

#include <algorithm>
#include <array>
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <vector>

namespace sluice {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool are_kept = false;  // each goes to the heap
#else
constexpr bool are_kept = true;
#endif

TEST(Blocks, AreUsedAgainByTheThreadThatFreedThem) {
    if (!are_kept) GTEST_SKIP();
    void* const first = allocate_block(200);
    free_block(first, 200);
    void* const same_class = allocate_block(240);
    EXPECT_EQ(first, same_class);  // both in the class up to 248 bytes
    void* const other_class = allocate_block(300);
    EXPECT_NE(first, other_class);
    free_block(same_class, 240);
    free_block(other_class, 300);
}

TEST(Blocks, BigOnesAndManyAreGivenBack) {
    std::vector<void*> blocks;
    for (int i = 0; i < 300; ++i) blocks.push_back(allocate_block(128));
    void* const big = allocate_block(100'000);
    std::sort(blocks.begin(), blocks.end());
    EXPECT_EQ(std::adjacent_find(blocks.begin(), blocks.end()), blocks.end());
    // LeakSanitizer sees what is neither given back nor kept for reuse.
    free_block(big, 100'000);
    for (void* block : blocks) free_block(block, 128);
}

TEST(Blocks, MayBeFreedByAnotherThread) {
    void* const block = allocate_block(500);
    std::thread([block] { free_block(block, 500); }).join();
}

struct Base {
    virtual ~Base() = default;
};
struct Large final : Base, InBlock {
    std::array<char, 700> bytes{};
};

TEST(Blocks, AnObjectGivesItsOwnBackThroughItsBase) {
    if (!are_kept) GTEST_SKIP();
    std::unique_ptr<Base> object = std::make_unique<Large>();
    void const* const at = dynamic_cast<void const*>(object.get());
    object.reset();
    void* const next = allocate_block(sizeof(Large));
    EXPECT_EQ(at, next);
    free_block(next, sizeof(Large));
}

TEST(Blocks, TextsAndVectorsGrowAndKeepTheirContent) {
    BlockText text;
    BlockVector<int> numbers;
    for (int i = 0; i < 3000; ++i) {
        text.push_back(static_cast<char>('a' + i % 26));
        numbers.push_back(i);
    }
    for (int i = 0; i < 3000; ++i) {
        ASSERT_EQ(text[static_cast<std::size_t>(i)], static_cast<char>('a' + i % 26));
        ASSERT_EQ(numbers[static_cast<std::size_t>(i)], i);
    }
    auto const moved = std::move(text);
    EXPECT_EQ(moved.size(), 3000u);
}

}  // namespace
}  // namespace sluice
