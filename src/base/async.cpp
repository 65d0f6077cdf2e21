#include "sluice/async.hpp"

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

}  // namespace sluice
