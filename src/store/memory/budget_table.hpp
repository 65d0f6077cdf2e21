// BudgetTable: the slots of all budgets, kept over a restart and a kill of the process. The slots
// stand in shared memory (a file of /dev/shm), where a killed process leaves them as they were, to
// the last reservation; a thread copies them to <storage.dir>/budgets.bin, which survives the
// machine, within copy_every of each change; it sleeps while there is none. No worker ever waits
// for a disk. Opened by the daemon when the configuration has a budget.
//
// Slots are taken one after the other, so the table is as large in memory as budgets are in use:
// its pages are got a chunk at a time. An index of the process's own finds a key's slot.
//
// What was reserved by requests that a kill cut off counts as spent afterwards: it may have been.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sluice/result.hpp"
#include "sluice/time.hpp"

#include "base/zero_pages.hpp"
#include "store/memory/budget.hpp"
#include "store/memory/budget_news.hpp"

namespace sluice::store {

class BudgetTable {
  public:
    static constexpr std::size_t capacity = 1 << 16;
    static constexpr std::size_t slots_max = capacity / 4 * 3;  // in use
    static constexpr std::size_t chunk = 1 << 10;               // slots got at a time
    static constexpr milliseconds copy_every{100};

    // Error: another process has it, or the copy on disk is there but is none. Without shared
    // memory
    // (`memory_dir` cannot be written) the slots are the process's own, and a kill loses what came
    // after the last copy; `is_shared` tells.
    static Result<std::shared_ptr<BudgetTable>> open(std::string const& storage_dir,
                                                     std::string const& memory_dir = "/dev/shm");
    ~BudgetTable();  // stops
    BudgetTable(BudgetTable const&) = delete;
    BudgetTable& operator=(BudgetTable const&) = delete;

    // The slot of `key` (not 0), taken when it has none; null: the table is full, or there is no
    // memory. Lock-free; any thread; one in `chunk` new keys asks the system for pages. It stays
    // that key's for the life of the process.
    BudgetSlot* find(std::uint64_t key) noexcept;

    // What those that change slots tell; lives as long as this.
    BudgetNews& news() noexcept { return news_; }
    // From now on `listener` is called on the copying thread soon after a change or a refusal,
    // while they go on ten times a second. Empty: nobody is; what runs has ended when this returns.
    // Any thread but a worker's.
    void listen(std::function<void()> listener);

    // The last copy to disk failed. Any thread.
    [[nodiscard]] bool is_failing() const noexcept {
        return failing_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool is_shared() const noexcept { return is_shared_; }
    [[nodiscard]] std::size_t slots_used() const noexcept {
        return used_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t copies() const noexcept {
        return copies_.load(std::memory_order_relaxed);
    }
    // Copies what has changed now. Blocking; any thread but a worker's. False: it could not.
    bool copy();
    // Copies for the last time and gives the shared memory back: only the copy is left. Call when
    // no worker runs any more. Idempotent.
    void stop();

  private:
    struct Head;
    static constexpr std::size_t places = capacity * 2;  // of the index

    explicit BudgetTable(std::string storage_dir) : storage_dir_(std::move(storage_dir)) {}
    Result<void> map(std::string const& memory_dir);
    bool map_shared(std::string const& path, bool& is_taken);
    Result<void> recover();
    bool wipe();                                      // all zero, and the memory given back
    bool provide(std::size_t slots) noexcept;         // so many have memory
    std::uint32_t allot(std::uint64_t key) noexcept;  // the number of a new slot, from 1; 0: none
    [[nodiscard]] std::string entries_in_memory() const;
    void run();
    void tell();
    [[nodiscard]] bool is_changed();
    [[nodiscard]] std::string serialized() const;
    [[nodiscard]] std::string path() const;

    std::string const storage_dir_;
    std::string memory_path_;  // "" = not shared
    void* memory_ = nullptr;
    Head* head_ = nullptr;
    BudgetSlot* slots_ = nullptr;
    int fd_ = -1;
    bool is_shared_ = false;
    ZeroPages<std::atomic<std::uint32_t>> index_{places};  // numbers of slots; 0: free
    std::atomic<std::size_t> used_{0};                     // slots, from the first on
    std::atomic<std::size_t> provided_{0};                 // that have memory
    std::atomic<std::uint32_t> returned_{0};  // the number of one that was allotted in vain; or 0
    std::atomic<std::uint64_t> copies_{0};
    std::atomic<bool> failing_{false};

    std::mutex copy_mutex_;  // one copy at a time; of this:
    std::string copied_;     // what stands on disk, without its generation

    std::mutex listen_mutex_;
    std::function<void()> listener_;  // under listen_mutex_

    BudgetNews news_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace sluice::store
