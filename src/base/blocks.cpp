// The free lists of include/sluice/blocks.hpp, one for each thread.
#include "sluice/blocks.hpp"

#include <array>
#include <cstdint>
#include <new>
#include <utility>

// g++ defines the macro, clang knows the feature.
#if defined(__SANITIZE_ADDRESS__)
#define SLUICE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#define SLUICE_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#else
#define SLUICE_ADDRESS_SANITIZER 0
#endif

namespace sluice {
namespace {

// Blocks up to 2 KiB in classes of 64 bytes; at most `depth` of each are kept per thread.
constexpr std::size_t step = 64;
constexpr std::size_t classes = 32;
#if SLUICE_ADDRESS_SANITIZER
constexpr std::size_t depth = 0;  // what uses a block that was freed is to be seen
#else
constexpr std::size_t depth = 64;
#endif
// What the allocator of glibc puts before a block: with it a block is as long as its class.
constexpr std::size_t head_bytes = 8;

struct Node {
    Node* next;
};
// Without a destructor: then no use of it has to ask whether it has been made.
struct Lists {
    std::array<Node*, classes> head;
    std::array<std::uint32_t, classes> room;  // for so many more
    bool was_opened;
};
constinit thread_local Lists lists_{};

struct AtThreadsEnd {
    AtThreadsEnd() = default;
    AtThreadsEnd(AtThreadsEnd const&) = delete;
    AtThreadsEnd& operator=(AtThreadsEnd const&) = delete;
    ~AtThreadsEnd() {
        for (auto* node : lists_.head) {
            while (node) ::operator delete(std::exchange(node, node->next));
        }
        lists_.head.fill(nullptr);
        lists_.room.fill(0);  // blocks freed later on this thread go to the heap
    }
};

// False: they were opened before, or nothing is kept.
bool open_lists() {
    if (depth == 0 || std::exchange(lists_.was_opened, true)) return false;
    static thread_local AtThreadsEnd const at_end;
    lists_.room.fill(depth);
    return true;
}

constexpr std::size_t class_of(std::size_t bytes) { return (bytes + head_bytes - 1) / step; }

[[gnu::noinline]] void* allocate_anew(std::size_t bytes) {
    auto const index = class_of(bytes);
    return ::operator new(index < classes ? (index + 1) * step - head_bytes : bytes);
}

[[gnu::noinline]] void free_unkept(void* block, std::size_t bytes) noexcept {
    if (class_of(bytes) < classes && open_lists()) return free_block(block, bytes);
    ::operator delete(block);
}

}  // namespace

void* allocate_block(std::size_t bytes) {
    auto const index = class_of(bytes);
    if (index >= classes || !lists_.head[index]) return allocate_anew(bytes);
    auto* const node = lists_.head[index];
    lists_.head[index] = node->next;
    ++lists_.room[index];
    return node;
}

void free_block(void* block, std::size_t bytes) noexcept {
    auto const index = class_of(bytes);
    if (index >= classes || lists_.room[index] == 0) return free_unkept(block, bytes);
    auto* const node = static_cast<Node*>(block);
    node->next = lists_.head[index];
    lists_.head[index] = node;
    --lists_.room[index];
}

}  // namespace sluice
