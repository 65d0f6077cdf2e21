// The free lists of include/sluice/blocks.hpp, one for each thread.
#include "sluice/blocks.hpp"

#include <array>
#include <cstdint>
#include <new>
#include <utility>

namespace sluice {
namespace {

// Blocks up to 2 KiB in classes of 64 bytes; at most `depth` of each are kept per thread.
constexpr std::size_t step = 64;
constexpr std::size_t classes = 32;
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t depth = 0;  // what uses a block that was freed is to be seen
#else
constexpr std::size_t depth = 64;
#endif
// What the allocator of glibc puts before a block: with it a block is as long as its class.
constexpr std::size_t head_bytes = 8;

struct FreeList {
    struct Node {
        Node* next;
    };
    std::array<Node*, classes> head{};
    std::array<std::uint32_t, classes> count{};

    ~FreeList() {
        for (auto* node : head) {
            while (node) ::operator delete(std::exchange(node, node->next));
        }
        head.fill(nullptr);
        count.fill(depth);  // blocks freed later on this thread go to the heap
    }
};
thread_local FreeList free_;

constexpr std::size_t class_of(std::size_t bytes) { return (bytes + head_bytes - 1) / step; }

}  // namespace

void* allocate_block(std::size_t bytes) {
    auto const index = class_of(bytes);
    if (index >= classes) return ::operator new(bytes);
    if (auto* node = free_.head[index]) {
        free_.head[index] = node->next;
        --free_.count[index];
        return node;
    }
    return ::operator new((index + 1) * step - head_bytes);
}

void free_block(void* block, std::size_t bytes) noexcept {
    auto const index = class_of(bytes);
    if (index >= classes || free_.count[index] >= depth) {
        ::operator delete(block);
        return;
    }
    auto* node = static_cast<FreeList::Node*>(block);
    node->next = free_.head[index];
    free_.head[index] = node;
    ++free_.count[index];
}

}  // namespace sluice
