// The file operations of the ledger's threads, and nothing else: a test puts a disk in their place
// that is full, slow or stuck. Called by LineFile; calls the kernel.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace sluice::telemetry {

// Any thread, but one at a time for a descriptor. Every call may take as long as the disk likes.
class Disk {
  public:
    virtual ~Disk() = default;

    // A descriptor to append with, or -errno. `path` must not exist yet.
    virtual int create(std::string const& path) noexcept;
    virtual int reopen(std::string const& path) noexcept;  // `path` must exist
    // How many bytes were taken, or -errno.
    virtual ssize_t write(int fd, std::string_view bytes) noexcept;
    // 0 or -errno, these three.
    virtual int truncate(int fd, std::uint64_t size) noexcept;
    virtual int sync(int fd) noexcept;  // returns when the bytes are on the medium
    virtual int make_directories(std::string const& path) noexcept;
    // Somebody deleted the file: what is written to it is lost.
    virtual bool is_deleted(int fd) noexcept;
    virtual void close(int fd) noexcept;
};

}  // namespace sluice::telemetry
