#include "telemetry/ledger/file_names.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::string_view extension = ".jsonl";
constexpr std::string_view form = "-yyyymmddThhmmssZ-nnnn.jsonl";
constexpr unsigned number_max = 9999;
constexpr std::size_t look_back_bytes = 64 * 1024;

// Digits only, all of them.
std::optional<int> digits(std::string_view text) noexcept {
    int value = 0;
    auto const read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || text[0] == '-') {
        return std::nullopt;
    }
    return value;
}

Error cannot_lock(std::string const& path, std::string_view why) {
    return gateway_error(ErrorCode::internal, 500, fmt::format("cannot lock {}: {}", path, why));
}

std::string holder_of(int fd) {
    std::array<char, 32> text{};
    auto const size = ::pread(fd, text.data(), text.size(), 0);
    std::string_view const pid{text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
    auto const end = pid.find('\n');
    return end == pid.npos || end == 0 ? "" : fmt::format(" (pid {})", pid.substr(0, end));
}

// Where the last newline ends; 0 when there is none; nullopt when it cannot be read.
std::optional<std::uint64_t> end_of_last_line(int fd, std::uint64_t size) {
    std::string block;
    while (size > 0) {
        auto const length = std::min<std::uint64_t>(size, look_back_bytes);
        block.resize(length);
        if (::pread(fd, block.data(), length, static_cast<off_t>(size - length)) !=
            static_cast<ssize_t>(length)) {
            return std::nullopt;
        }
        auto const at = block.rfind('\n');
        if (at != block.npos) return size - length + at + 1;
        size -= length;
    }
    return 0;
}

}  // namespace

std::string ledger_file_name(std::string_view stem, Wall::time_point at, unsigned number) {
    auto const day = std::chrono::floor<std::chrono::days>(at);
    std::chrono::year_month_day const date{day};
    auto const time = std::chrono::floor<seconds>(at - day).count();
    return fmt::format("{}-{:04}{:02}{:02}T{:02}{:02}{:02}Z-{:04}{}", stem,
                       static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), time / 3600, time / 60 % 60, time % 60,
                       number, extension);
}

std::optional<LedgerFileName> read_ledger_file_name(std::string_view name) {
    if (name.size() <= form.size()) return std::nullopt;
    auto const rest = name.substr(name.size() - form.size());
    for (std::size_t const i : {0U, 9U, 16U, 17U}) {
        if (rest[i] != form[i]) return std::nullopt;
    }
    if (!rest.ends_with(extension)) return std::nullopt;
    auto const year = digits(rest.substr(1, 4));
    auto const month = digits(rest.substr(5, 2));
    auto const day = digits(rest.substr(7, 2));
    auto const time = digits(rest.substr(10, 6));
    auto const number = digits(rest.substr(18, 4));
    if (!year || !month || !day || !time || !number) return std::nullopt;
    std::chrono::year_month_day const date{std::chrono::year{*year},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    LedgerFileName read;
    read.stem = name.substr(0, name.size() - form.size());
    read.at = Wall::time_point{std::chrono::sys_days{date}} + std::chrono::hours{*time / 10000} +
              std::chrono::minutes{*time / 100 % 100} + seconds{*time % 100};
    read.number = static_cast<unsigned>(*number);
    return read;
}

std::vector<std::string> ledger_file_names(std::string const& dir, std::string_view stem) {
    std::vector<std::string> names;
    std::error_code failed;
    std::filesystem::directory_iterator entry{dir, failed};
    for (; !failed && entry != std::filesystem::directory_iterator{}; entry.increment(failed)) {
        auto name = entry->path().filename().string();
        auto const read = read_ledger_file_name(name);
        if (read && read->stem == stem) names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string next_ledger_file_name(std::string_view stem, Wall::time_point now,
                                  std::string_view newest) {
    auto name = ledger_file_name(stem, now, 1);
    if (name > newest) return name;
    auto const last = read_ledger_file_name(newest);
    if (!last) return name;
    return last->number < number_max ? ledger_file_name(stem, last->at, last->number + 1)
                                     : ledger_file_name(stem, last->at + seconds{1}, 1);
}

std::optional<std::uint64_t> cut_torn_line(std::string const& path) {
    int const fd = ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    struct stat found {};
    std::optional<std::uint64_t> cut;
    if (::fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) {
        auto const size = static_cast<std::uint64_t>(found.st_size);
        auto const end = end_of_last_line(fd, size);
        if (end && (*end == size || ::ftruncate(fd, static_cast<off_t>(*end)) == 0)) {
            cut = size - *end;
        }
    }
    ::close(fd);
    return cut;
}

int make_private_directory(std::string const& path) noexcept {
    if (::mkdir(path.c_str(), 0700) == 0) return 0;
    if (errno != EEXIST) return -errno;
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return -errno;
    bool const is_ours = S_ISDIR(found.st_mode) && found.st_uid == ::geteuid() &&
                         (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
    return is_ours ? 0 : -EPERM;
}

Result<std::unique_ptr<DirectoryLock>> DirectoryLock::take(std::string const& dir) {
    auto const path = dir + "/.lock";
    int const fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0) return cannot_lock(path, std::strerror(errno));
    auto lock = std::make_unique<DirectoryLock>(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return gateway_error(
                ErrorCode::internal, 500,
                fmt::format("another sluice{} writes the ledger in {}: end it, or give this one a "
                            "storage.dir of its own",
                            holder_of(fd), dir));
        }
        // Some network file systems have no locks.
        log::warn("{} cannot be locked ({}): make sure that no other sluice uses {}", path,
                  std::strerror(errno), dir);
        return lock;
    }
    auto const pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd, 0) != 0 ||
        ::pwrite(fd, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        log::debug("{} does not tell who holds it: {}", path, std::strerror(errno));
    }
    return lock;
}

DirectoryLock::~DirectoryLock() { ::close(fd_); }

}  // namespace sluice::telemetry
