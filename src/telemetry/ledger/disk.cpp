#include "telemetry/ledger/disk.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace sluice::telemetry {
namespace {

constexpr mode_t file_mode = 0640;

int zero_or_error(int result) noexcept { return result == 0 ? 0 : -errno; }

}  // namespace

int Disk::create(std::string const& path) noexcept {
    int const fd = ::open(
        path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file_mode);
    return fd < 0 ? -errno : fd;
}

int Disk::reopen(std::string const& path) noexcept {
    int const fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

ssize_t Disk::write(int fd, std::string_view bytes) noexcept {
    auto const wrote = ::write(fd, bytes.data(), bytes.size());
    return wrote < 0 ? -errno : wrote;
}

int Disk::truncate(int fd, std::uint64_t size) noexcept {
    return zero_or_error(::ftruncate(fd, static_cast<off_t>(size)));
}

int Disk::sync(int fd) noexcept { return zero_or_error(::fdatasync(fd)); }

int Disk::make_directories(std::string const& path) noexcept {
    std::error_code failed;
    std::filesystem::create_directories(path, failed);
    return failed ? -failed.value() : 0;
}

bool Disk::is_deleted(int fd) noexcept {
    struct stat found {};
    return ::fstat(fd, &found) == 0 && found.st_nlink == 0;
}

void Disk::close(int fd) noexcept { ::close(fd); }

}  // namespace sluice::telemetry
