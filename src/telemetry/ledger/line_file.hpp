// A file that whole lines are appended to, with a new one when it has grown or is old: the ledger's
// file and the emergency file are one each. Called by the thread that owns it; calls Disk.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "sluice/time.hpp"

#include "telemetry/ledger/disk.hpp"

namespace sluice::telemetry {

class LineFile {
  public:
    struct Settings {
        std::string dir;
        std::string stem;
        std::uint64_t bytes_max = 0;      // a larger one is closed and the next begun
        std::chrono::seconds age_max{0};  // 0: however old
        Steady::duration sync_every{0};   // 0: when to write back is the kernel's choice
        std::function<int()> make_dir;    // 0 or -errno; called before each file
        // Which files are in use, told before one is opened and after one was closed: the file that
        // is written, and the one that may take its place at once. "" = none.
        std::function<void(std::string const& current, std::string const& next)> on_use;
    };
    struct Wrote {
        std::size_t bytes = 0;  // whole lines that are in the file now, from the front
        int error = 0;          // why not all: an errno
    };

    LineFile(Disk& disk, Settings settings);
    LineFile(LineFile const&) = delete;
    LineFile& operator=(LineFile const&) = delete;
    ~LineFile();

    // Goes on with the newest file when it is young and small enough, else begins one. 0 or an
    // errno; append() tries again.
    int open(Wall::time_point now);
    // `lines` end in newlines. Lines that do not fit are not in the file, not even in part.
    Wrote append(std::string_view lines, Wall::time_point now);
    // Writes back what was appended when that is due. 0 or an errno.
    int sync_if_due(Steady::time_point now);
    // Something was appended that sync_if_due() is to write back.
    [[nodiscard]] bool is_sync_wanted() const noexcept {
        return is_dirty_ && fd_ >= 0 && settings_.sync_every.count() != 0;
    }
    // Ends a file that is too old, also when nothing is appended.
    void close_if_old(Wall::time_point now);
    // Until then; a day when it is not open or may get however old.
    [[nodiscard]] milliseconds is_old_in(Wall::time_point now) const noexcept;
    void close();

    [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
    [[nodiscard]] std::uint64_t begun() const noexcept { return begun_; }  // files, in all

  private:
    int begin(Wall::time_point now);
    int make_file(std::string const& path);
    void prepare(Wall::time_point now, std::size_t coming);
    [[nodiscard]] std::string path() const { return fd_ < 0 ? "" : settings_.dir + "/" + name_; }
    [[nodiscard]] bool is_old(Wall::time_point now) const noexcept;
    Wrote cut_back(std::string_view taken, int error);

    Disk& disk_;
    Settings const settings_;
    int fd_ = -1;
    std::string name_;  // of the newest file this one has opened; fd_ belongs to it
    Wall::time_point begun_at_{};
    std::uint64_t size_ = 0;
    std::uint64_t begun_ = 0;
    bool is_dirty_ = false;
    Steady::time_point synced_at_{};
};

}  // namespace sluice::telemetry
