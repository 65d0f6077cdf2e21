#include "sluice/async.hpp"

#include <array>
#include <new>

namespace sluice {
namespace {

thread_local Cancel::Probe probe_ = nullptr;
thread_local std::uint64_t probe_count_ = 0;

}  // namespace

bool Cancel::Hook::link(Cancel& cancel) noexcept {
    if (cancel.cancelled()) return false;
    owner_ = &cancel;
    next_ = cancel.hooks_;
    slot_ = &cancel.hooks_;
    if (next_) next_->slot_ = &next_;
    cancel.hooks_ = this;
    if (probe_) [[unlikely]]
        probe_(cancel, ++probe_count_);
    return true;
}

void Cancel::Hook::unlink() noexcept {
    if (!owner_) return;
    *slot_ = next_;
    if (next_) next_->slot_ = slot_;
    owner_ = nullptr;
    next_ = nullptr;
    slot_ = nullptr;
}

Cancel::~Cancel() {
    while (hooks_) hooks_->unlink();
}

void Cancel::cancel(CancelReason reason) noexcept {
    if (cancelled() || reason == CancelReason::none) return;
    reason_ = reason;
    // A hook may unlink others while it runs, so the list is popped one by one.
    while (hooks_) {
        Hook* hook = hooks_;
        hook->unlink();
        hook->on_cancel();
    }
}

void Cancel::set_probe(Probe probe) noexcept {
    probe_ = probe;
    probe_count_ = 0;
}

void Cancel::FromParent::attach(Cancel& self, Cancel& parent) noexcept {
    self_ = &self;
    parent_ = &parent;
    if (parent.cancelled()) {
        self.reason_ = parent.reason();
        return;
    }
    // Not a wait: linked by hand so that the probe does not count it.
    Probe const saved = std::exchange(probe_, nullptr);
    link(parent);
    probe_ = saved;
}

void Cancel::FromParent::on_cancel() noexcept { self_->cancel(parent_->reason()); }

namespace async_detail {
namespace {

// Frames up to 2 KiB in classes of 64 bytes; at most `depth` of each are kept per thread.
constexpr std::size_t step = 64;
constexpr std::size_t classes = 32;
constexpr std::size_t depth = 64;
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
        count.fill(depth);  // frames freed later on this thread go to the heap
    }
};
thread_local FreeList frames_;

constexpr std::size_t class_of(std::size_t bytes) { return (bytes + head_bytes - 1) / step; }

}  // namespace

void* allocate_frame(std::size_t bytes) {
    auto const index = class_of(bytes);
    if (index >= classes) return ::operator new(bytes);
    if (auto* node = frames_.head[index]) {
        frames_.head[index] = node->next;
        --frames_.count[index];
        return node;
    }
    return ::operator new((index + 1) * step - head_bytes);
}

void free_frame(void* frame, std::size_t bytes) noexcept {
    auto const index = class_of(bytes);
    if (index >= classes || frames_.count[index] >= depth) {
        ::operator delete(frame);
        return;
    }
    auto* node = static_cast<FreeList::Node*>(frame);
    node->next = frames_.head[index];
    frames_.head[index] = node;
    ++frames_.count[index];
}

}  // namespace async_detail
}  // namespace sluice
