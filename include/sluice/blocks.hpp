// Memory for what lives about as long as a request: coroutine frames, small objects, heads and
// bodies. A block that was freed is kept by the thread for the next of its size; their number is
// bounded, and what is larger than 2 KB comes from the heap. Any thread may free a block.
#pragma once

#include <cstddef>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

namespace sluice {

void* allocate_block(std::size_t bytes);
// `bytes`: what it was allocated with.
void free_block(void* block, std::size_t bytes) noexcept;

// Base of classes whose objects stand in a block when they are made by new.
struct InBlock {
    static void* operator new(std::size_t bytes) { return allocate_block(bytes); }
    static void operator delete(void* block, std::size_t bytes) noexcept {
        free_block(block, bytes);
    }
};

template <class T>
struct BlockAllocator {
    static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    using value_type = T;

    BlockAllocator() = default;
    template <class U>
    BlockAllocator(BlockAllocator<U> const&) noexcept {}

    T* allocate(std::size_t n) { return static_cast<T*>(allocate_block(n * sizeof(T))); }
    void deallocate(T* at, std::size_t n) noexcept { free_block(at, n * sizeof(T)); }
    // What resize() adds has no value yet where T is plain: it is to be written.
    template <class U>
    void construct(U* at) noexcept(std::is_nothrow_default_constructible_v<U>) {
        ::new (static_cast<void*>(at)) U;
    }
    friend bool operator==(BlockAllocator, BlockAllocator) noexcept { return true; }
};

using BlockText = std::basic_string<char, std::char_traits<char>, BlockAllocator<char>>;
template <class T>
using BlockVector = std::vector<T, BlockAllocator<T>>;

}  // namespace sluice
