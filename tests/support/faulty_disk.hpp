// A disk that is full, fails or never comes back, when the test says so. In place of the one the
// ledger's threads write to.
#pragma once

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include "telemetry/ledger/disk.hpp"

namespace sluice::test {

class FaultyDisk final : public telemetry::Disk {
  public:
    ~FaultyDisk() override { is_stuck = false; }

    int create(std::string const& path) noexcept override {
        return error != 0 ? -error : Disk::create(path);
    }
    ssize_t write(int fd, std::string_view bytes) noexcept override {
        ++writes;
        while (is_stuck) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        if (error != 0) return -error;
        auto const room = room_bytes.load();
        if (room < 0) return Disk::write(fd, bytes);
        if (room == 0) return -ENOSPC;
        auto const taken = std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(room));
        room_bytes -= static_cast<long>(taken);
        return Disk::write(fd, bytes.substr(0, taken));
    }
    int truncate(int fd, std::uint64_t size) noexcept override {
        return truncate_error != 0 ? -truncate_error : Disk::truncate(fd, size);
    }
    int sync(int fd) noexcept override {
        ++syncs;
        return sync_error != 0 ? -sync_error : Disk::sync(fd);
    }

    std::atomic<bool> is_stuck{false};
    std::atomic<int> error{0};
    std::atomic<int> truncate_error{0};
    std::atomic<int> sync_error{0};
    std::atomic<long> room_bytes{-1};  // then it is full; -1: never
    std::atomic<int> writes{0};
    std::atomic<int> syncs{0};
};

}  // namespace sluice::test
