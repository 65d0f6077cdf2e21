#include "store/memory/budget_table.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "base/background.hpp"
#include "base/log.hpp"
#include "codec/sha256.hpp"

namespace sluice::store {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t magic = 0x3162'6564'7562'6c73;  // "slbudeb1"
constexpr std::size_t head_bytes = 64;
constexpr std::size_t table_bytes = head_bytes + BudgetTable::capacity * sizeof(BudgetSlot);
constexpr std::size_t digest_bytes = 32;

Error table_error(std::string message) {
    return gateway_error(ErrorCode::internal, 500, std::move(message));
}

// What of a slot outlives everything. Little-endian, as every machine it runs on is.
struct Entry {
    std::uint64_t key;
    std::uint64_t held;
    std::uint64_t spent;
    std::int64_t ordinal;
    std::int64_t ends;
    std::uint64_t warned;
};

Entry entry_of(BudgetSlot const& slot) noexcept {
    return {slot.key.load(),     slot.held.load(), slot.spent.load(),
            slot.ordinal.load(), slot.ends.load(), slot.warned.load()};
}

// Of a file or of the memory, which a build of before may have left with gaps.
std::vector<Entry> entries_of(std::string_view words) {
    std::vector<Entry> entries(words.size() / sizeof(Entry));
    if (!entries.empty()) std::memcpy(entries.data(), words.data(), entries.size() * sizeof(Entry));
    return entries;
}

void put_entry(std::string& out, Entry const& entry) {
    out.append(reinterpret_cast<char const*>(&entry), sizeof entry);
}

void put_number(std::string& out, std::uint64_t number) {
    out.append(reinterpret_cast<char const*>(&number), sizeof number);
}

// Writes beside it, forces it to the medium, and puts it in place in one step.
bool write_file(std::string const& path, std::string const& content) {
    auto const fresh = path + ".new";
    int const fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    std::size_t done = 0;
    bool is_fine = true;
    while (is_fine && done < content.size()) {
        auto const wrote = ::write(fd, content.data() + done, content.size() - done);
        if (wrote < 0 && errno == EINTR) continue;
        is_fine = wrote > 0;
        if (is_fine) done += static_cast<std::size_t>(wrote);
    }
    is_fine = is_fine && ::fdatasync(fd) == 0;
    is_fine = ::close(fd) == 0 && is_fine;
    return is_fine && ::rename(fresh.c_str(), path.c_str()) == 0;
}

// "" = there is none; nullopt: it cannot be read.
std::optional<std::string> read_file(std::string const& path) {
    int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? std::optional<std::string>{""} : std::nullopt;
    struct stat status {};
    constexpr auto most = static_cast<off_t>(table_bytes + head_bytes + digest_bytes);
    if (::fstat(fd, &status) != 0) status.st_size = most;
    std::string content(static_cast<std::size_t>(std::min(status.st_size, most)), '\0');
    auto const got = ::read(fd, content.data(), content.size());
    ::close(fd);
    if (got < 0) return std::nullopt;
    content.resize(static_cast<std::size_t>(got));
    return content;
}

std::string digest_of(std::string_view content) {
    auto const digest = codec::sha256(content);
    return {reinterpret_cast<char const*>(digest.data()), digest.size()};
}

std::string file_of(std::uint64_t generation, std::string_view entries) {
    std::string content;
    put_number(content, magic);
    put_number(content, generation);
    content += entries;
    content += digest_of(content);
    return content;
}

}  // namespace

struct BudgetTable::Head {
    std::atomic<std::uint64_t> magic;
    std::atomic<std::uint64_t> generation;  // of the last copy
};

Result<std::shared_ptr<BudgetTable>> BudgetTable::open(std::string const& storage_dir,
                                                       std::string const& memory_dir) {
    std::error_code ignored;
    fs::create_directories(storage_dir, ignored);
    auto const canonical = fs::weakly_canonical(storage_dir, ignored);
    std::shared_ptr<BudgetTable> table{
        new BudgetTable(canonical.empty() ? storage_dir : canonical.string())};
    auto mapped = table->map(memory_dir);
    if (!mapped) return std::move(mapped).error();
    auto recovered = table->recover();
    if (!recovered) return std::move(recovered).error();
    table->thread_ = std::thread([self = table.get()] { self->run(); });
    return table;
}

BudgetTable::~BudgetTable() {
    stop();
    if (memory_) ::munmap(memory_, table_bytes);
    if (fd_ >= 0) ::close(fd_);
}

std::string BudgetTable::path() const { return (fs::path{storage_dir_} / "budgets.bin").string(); }

Result<void> BudgetTable::map(std::string const& memory_dir) {
    auto const name = codec::to_hex(codec::sha256(storage_dir_)).substr(0, 24);
    auto const wanted = memory_dir + "/sluice-budgets-" + name;
    bool is_taken = false;
    is_shared_ = map_shared(wanted, is_taken);
    if (is_taken) {
        return table_error("the budgets of " + storage_dir_ + " are in use by another process");
    }
    if (is_shared_) {
        memory_path_ = wanted;
    } else {
        log::warn(
            "budgets: {} cannot be used ({}): a kill loses what came after the last copy, {} "
            "ms at most",
            wanted, std::strerror(errno), copy_every.count());
        memory_ = ::mmap(nullptr, table_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                         -1, 0);
        if (memory_ == MAP_FAILED) {
            memory_ = nullptr;
            return table_error("no memory for the budgets");
        }
    }
    head_ = static_cast<Head*>(memory_);
    slots_ = reinterpret_cast<BudgetSlot*>(static_cast<char*>(memory_) + head_bytes);
    return {};
}

// The file is as large as the table can get, its pages come by provide(): memory that could not be
// had when a slot is written would end the process.
bool BudgetTable::map_shared(std::string const& path, bool& is_taken) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd_ < 0) return false;
    struct stat status {};
    bool const is_ours = ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode) &&
                         status.st_uid == ::geteuid() && (status.st_mode & 077) == 0;
    if (is_ours && ::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
        is_taken = true;
        return false;
    }
    auto failed = is_ours ? ::posix_fallocate(fd_, 0, head_bytes) : EPERM;
    if (failed == 0 && ::ftruncate(fd_, table_bytes) != 0) failed = errno;
    if (failed == 0) {
        memory_ = ::mmap(nullptr, table_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
        if (memory_ != MAP_FAILED) return true;
        memory_ = nullptr;
    }
    ::close(fd_);
    fd_ = -1;
    errno = failed;
    return false;
}

// The memory is newer than the copy, unless it was lost in between.
Result<void> BudgetTable::recover() {
    auto const content = read_file(path());
    if (!content) return table_error("cannot read " + path() + ": " + std::strerror(errno));
    std::uint64_t generation = 0;
    std::string_view entries;
    if (!content->empty()) {
        auto const body = content->size() - std::min(content->size(), digest_bytes);
        std::string_view const seen{*content};
        std::uint64_t mark = 0;
        if (body >= 16) {
            std::memcpy(&mark, content->data(), 8);
            std::memcpy(&generation, content->data() + 8, 8);
        }
        bool const is_whole = body >= 16 && mark == magic && (body - 16) % sizeof(Entry) == 0 &&
                              digest_of(seen.substr(0, body)) == seen.substr(body);
        if (!is_whole) {
            return table_error(path() +
                               " is damaged: what the budgets have spent cannot be known. "
                               "Restore it from a backup, or move it away to begin at 0");
        }
        entries = seen.substr(16, body - 16);
    }
    bool const has_memory = head_->magic.load() == magic && head_->generation.load() >= generation;
    std::string const in_memory = has_memory ? entries_in_memory() : std::string{};
    if (has_memory) {
        // While the memory is made anew the copy alone holds them, should this process be killed.
        generation = head_->generation.load();
        if (write_file(path(), file_of(generation + 1, in_memory))) ++generation;
    }
    auto const kept = entries_of(has_memory ? std::string_view{in_memory} : entries);
    if (!wipe()) return table_error("no memory for the budgets");
    auto const now = std::chrono::duration_cast<seconds>(Wall::now().time_since_epoch()).count();
    for (auto const& entry : kept) {
        if (entry.ends <= now) continue;  // its period is over
        auto* slot = find(entry.key);
        if (!slot) return table_error("no memory for the budgets");
        slot->held = entry.held;
        slot->spent = entry.held;  // what was reserved may have been used
        slot->ordinal = entry.ordinal;
        slot->ends = entry.ends;
        slot->warned = entry.warned;
    }
    head_->generation = generation;
    head_->magic = magic;
    if (!kept.empty()) {
        log::info("budgets: {} carried over from {}", used_.load(),
                  has_memory ? "memory, as a killed process left them" : path());
    }
    return {};
}

bool BudgetTable::wipe() {
    if (!is_shared_) return true;  // it is new
    return ::ftruncate(fd_, 0) == 0 && ::posix_fallocate(fd_, 0, head_bytes) == 0 &&
           ::ftruncate(fd_, table_bytes) == 0;
}

// Read, not looked at: what is nowhere written has no page and gets none.
std::string BudgetTable::entries_in_memory() const {
    std::string out;
    std::vector<char> piece(chunk * sizeof(BudgetSlot));
    for (std::size_t at = head_bytes; at < table_bytes; at += piece.size()) {
        auto const got = ::pread(fd_, piece.data(), piece.size(), static_cast<off_t>(at));
        for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got);
             i += sizeof(BudgetSlot)) {
            Entry entry{};
            std::memcpy(&entry, piece.data() + i, sizeof entry);
            if (entry.key != 0) put_entry(out, entry);
        }
    }
    return out;
}

// Private memory comes by itself.
bool BudgetTable::provide(std::size_t slots) noexcept {
    auto provided = provided_.load(std::memory_order_acquire);
    if (slots <= provided) return true;
    auto const wanted = std::min((slots + chunk - 1) / chunk * chunk, capacity);
    auto const from = static_cast<off_t>(head_bytes + provided * sizeof(BudgetSlot));
    auto const bytes = static_cast<off_t>((wanted - provided) * sizeof(BudgetSlot));
    int failed = is_shared_ ? EINTR : 0;
    while (failed == EINTR) failed = ::posix_fallocate(fd_, from, bytes);
    if (failed != 0) return false;
    while (provided < wanted &&
           !provided_.compare_exchange_weak(provided, wanted, std::memory_order_acq_rel)) {
    }
    return true;
}

std::uint32_t BudgetTable::allot(std::uint64_t key) noexcept {
    auto number = returned_.exchange(0, std::memory_order_acq_rel);
    if (number == 0) {
        auto used = used_.load(std::memory_order_acquire);
        do {
            if (used >= slots_max || !provide(used + 1)) return 0;
        } while (!used_.compare_exchange_weak(used, used + 1));
        number = static_cast<std::uint32_t>(used + 1);
    }
    slots_[number - 1].key.store(key);
    return number;
}

// Nothing leaves the index, so the first free place after a key's own is the same for all threads.
BudgetSlot* BudgetTable::find(std::uint64_t key) noexcept {
    std::uint32_t fresh = 0;
    for (std::size_t i = 0; i < places; ++i) {
        auto& place = index_[(key + i) % places];
        auto number = place.load(std::memory_order_acquire);
        if (number == 0) {
            if (fresh == 0) fresh = allot(key);
            if (fresh == 0) return nullptr;
            if (place.compare_exchange_strong(number, fresh, std::memory_order_acq_rel)) {
                return &slots_[fresh - 1];
            }
        }
        auto& slot = slots_[number - 1];
        if (slot.key.load(std::memory_order_acquire) != key) continue;
        if (fresh != 0) {  // another thread was first
            slots_[fresh - 1].key.store(0, std::memory_order_release);
            returned_.store(fresh, std::memory_order_release);
        }
        return &slot;
    }
    return nullptr;
}

std::string BudgetTable::serialized() const {
    std::string out;
    auto const used = used_.load();
    for (std::size_t i = 0; i < used; ++i) {
        if (slots_[i].key.load() != 0) put_entry(out, entry_of(slots_[i]));
    }
    return out;
}

bool BudgetTable::copy() {
    std::lock_guard const one_at_a_time(copy_mutex_);
    auto entries = serialized();
    if (entries == copied_ && !is_failing()) return true;
    auto const generation = head_->generation.load() + 1;
    bool const is_fine = write_file(path(), file_of(generation, entries));
    if (is_fine == is_failing()) {
        if (is_fine) log::info("budgets: {} is written again", path());
        if (!is_fine) log::error("budgets: cannot write {}: {}", path(), std::strerror(errno));
    }
    failing_.store(!is_fine, std::memory_order_relaxed);
    if (!is_fine) return false;
    head_->generation = generation;
    copied_ = std::move(entries);
    copies_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

void BudgetTable::run() {
    run_in_background("budgets");
    constexpr milliseconds asleep_most{60'000};
    bool is_quiet = true;
    while (!stopping_) {
        if (is_quiet) news_.bell().sleep(asleep_most, [this] { return is_changed(); });
        // Not at once: what a request changes, and those beside it, is one copy. Rung while awake,
        // it is to stop, or it was rung before it slept: then it copies early.
        if (!stopping_) news_.bell().wait_for(is_failing() ? milliseconds{1000} : copy_every);
        if (stopping_) return;
        auto const before = copies();
        copy();
        is_quiet = copies() == before && !is_failing();
        tell();
    }
}

bool BudgetTable::is_changed() {
    if (stopping_ || news_.has_refusal()) return true;
    std::lock_guard const one_at_a_time(copy_mutex_);
    return serialized() != copied_;
}

void BudgetTable::listen(std::function<void()> listener) {
    std::lock_guard const lock(listen_mutex_);
    listener_ = std::move(listener);
}

void BudgetTable::tell() {
    news_.take_refusal();
    std::lock_guard const lock(listen_mutex_);
    if (listener_) listener_();
}

void BudgetTable::stop() {
    if (stopping_.exchange(true)) return;
    news_.bell().ring();
    if (thread_.joinable()) thread_.join();
    if (slots_ && copy() && is_shared_) ::unlink(memory_path_.c_str());
}

}  // namespace sluice::store
