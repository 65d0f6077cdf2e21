// ZeroPages: an array of zeros whose pages are memory only where something was written. For tables
// that are large by their bound and mostly empty. Called by store (limits), net (connection_caps)
// and stage (auth_throttle).
#pragma once

#include <cstddef>
#include <new>
#include <sys/mman.h>
#include <type_traits>

namespace sluice {

// T's zero bytes are its value-initialised state (atomics of integers and pointers).
template <class T>
class ZeroPages {
    static_assert(std::is_trivially_destructible_v<T> && std::is_standard_layout_v<T>);

  public:
    explicit ZeroPages(std::size_t size) : size_(size) {
        auto* const memory = ::mmap(nullptr, size * sizeof(T), PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) throw std::bad_alloc{};
        items_ = static_cast<T*>(memory);
    }
    ~ZeroPages() { ::munmap(static_cast<void*>(items_), size_ * sizeof(T)); }
    ZeroPages(ZeroPages const&) = delete;
    ZeroPages& operator=(ZeroPages const&) = delete;

    T& operator[](std::size_t i) noexcept { return items_[i]; }
    T const& operator[](std::size_t i) const noexcept { return items_[i]; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    T* begin() noexcept { return items_; }
    T* end() noexcept { return items_ + size_; }

  private:
    T* items_ = nullptr;
    std::size_t size_;
};

}  // namespace sluice
