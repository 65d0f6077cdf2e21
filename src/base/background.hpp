// Threads beside the workers: what they are for, as ps and perf show it, and that they give way.
// Called by whoever has such a thread, on it; calls the kernel.
#pragma once

namespace sluice {

// At most 15 characters are shown.
void name_this_thread(char const* name) noexcept;

// This thread is named, and from now on a worker that wakes on its core runs at once instead of
// when this thread's slice is over, and its own waking interrupts none. It gets the same share of
// a busy machine as before. Where the kernel does not know how (before 6.12) or may not, it stays
// as it was.
void run_in_background(char const* name) noexcept;

}  // namespace sluice
