#include "telemetry/ledger/adoption.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.hpp"
#include "telemetry/ledger/file_names.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::string_view unfinished = ".part";
constexpr std::size_t piece_bytes = 64 * 1024;

class Descriptor {
  public:
    explicit Descriptor(int fd) noexcept : fd_(fd) {}
    Descriptor(Descriptor const&) = delete;
    Descriptor& operator=(Descriptor const&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    [[nodiscard]] int get() const noexcept { return fd_; }

  private:
    int const fd_;
};

Descriptor open_to_read(std::string const& path) {
    return Descriptor{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
}

bool write_all(int fd, std::string_view bytes) noexcept {
    while (!bytes.empty()) {
        auto const wrote = ::write(fd, bytes.data(), bytes.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

// On the medium when it returns true: the source may be deleted then.
bool copy(std::string const& from, std::string const& to) {
    auto const in = open_to_read(from);
    Descriptor const out{
        ::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640)};
    if (in.get() < 0 || out.get() < 0) return false;
    auto const piece = std::make_unique<std::array<char, piece_bytes>>();
    for (;;) {
        auto const size = ::read(in.get(), piece->data(), piece->size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return false;
        if (size == 0) return ::fsync(out.get()) == 0;
        if (!write_all(out.get(), {piece->data(), static_cast<std::size_t>(size)})) return false;
    }
}

bool have_same_bytes(std::string const& a, std::string const& b) {
    auto const left = open_to_read(a);
    auto const right = open_to_read(b);
    if (left.get() < 0 || right.get() < 0) return false;
    std::string x(piece_bytes, '\0');
    std::string y(piece_bytes, '\0');
    for (off_t at = 0;; at += static_cast<off_t>(piece_bytes)) {
        auto const n = ::pread(left.get(), x.data(), x.size(), at);
        auto const m = ::pread(right.get(), y.data(), y.size(), at);
        if (n < 0 || n != m) return false;
        if (std::memcmp(x.data(), y.data(), static_cast<std::size_t>(n)) != 0) return false;
        if (static_cast<std::size_t>(n) < piece_bytes) return true;
    }
}

bool exists(std::string const& path) {
    struct stat found {};
    return ::lstat(path.c_str(), &found) == 0;
}

// The first name from `name` on that `to` does not have.
std::string free_name(std::string const& to, std::string name) {
    auto const read = read_ledger_file_name(name);
    while (exists(to + "/" + name)) name = next_ledger_file_name(read->stem, read->at, name);
    return name;
}

bool move_one(std::string const& from, std::string const& to, std::string const& name) {
    auto const source = from + "/" + name;
    if (!cut_torn_line(source)) return false;
    auto target = to + "/" + name;
    if (exists(target)) {
        // Moved before, and killed before the source was deleted.
        if (have_same_bytes(source, target)) return ::unlink(source.c_str()) == 0;
        target = to + "/" + free_name(to, name);
    }
    if (::rename(source.c_str(), target.c_str()) == 0) return true;
    if (errno != EXDEV) return false;
    auto const part = target + std::string{unfinished};
    if (!copy(source, part) || ::rename(part.c_str(), target.c_str()) != 0) {
        ::unlink(part.c_str());
        return false;
    }
    return ::unlink(source.c_str()) == 0;
}

// Nobody else can have put files there.
bool is_ours(std::string const& dir) {
    struct stat found {};
    return ::lstat(dir.c_str(), &found) == 0 && S_ISDIR(found.st_mode) &&
           found.st_uid == ::geteuid() && (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

}  // namespace

Adoption adopt_spilled(std::string const& from, std::string const& to,
                       std::function<bool(std::string const& path)> const& is_in_use) {
    Adoption done;
    if (from == to || !is_ours(from)) return done;
    for (auto const& name : ledger_file_names(from, "spill")) {
        // Asked behind the look into the directory: one begun since then is not in the list.
        if (is_in_use(from + "/" + name)) continue;
        if (move_one(from, to, name)) {
            ++done.moved;
            log::info("the emergency file {} is in {} now", name, to);
        } else {
            ++done.left;
        }
    }
    if (done.left == 0) ::rmdir(from.c_str());  // stays when a file has been begun
    if (done.left > 0) log::warn("{} emergency file(s) stay in {} for now", done.left, from);
    return done;
}

void remove_unfinished(std::string const& dir) {
    std::error_code failed;
    std::filesystem::directory_iterator entry{dir, failed};
    for (; !failed && entry != std::filesystem::directory_iterator{}; entry.increment(failed)) {
        auto const name = entry->path().filename().string();
        if (name.starts_with("spill-") && name.ends_with(unfinished)) {
            std::error_code ignored;
            std::filesystem::remove(entry->path(), ignored);
        }
    }
}

}  // namespace sluice::telemetry
