// What a start or a reload leaves behind and nobody needs soon, given back to the system. Called by
// the daemon before its workers start, and on config_watch's thread.
#pragma once

namespace sluice::daemon {

// Blocks of the heap that were freed, and pages of code and constants: those that are in use come
// back by a fault each, from the page cache. Takes milliseconds; any thread but a worker's.
void give_memory_back() noexcept;

}  // namespace sluice::daemon
