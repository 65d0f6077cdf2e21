#include "telemetry/ledger/line_file.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "telemetry/ledger/file_names.hpp"

namespace sluice::telemetry {

LineFile::LineFile(Disk& disk, Settings settings) : disk_(disk), settings_(std::move(settings)) {}

LineFile::~LineFile() { close(); }

int LineFile::open(Wall::time_point now) {
    auto const names = ledger_file_names(settings_.dir, settings_.stem);
    if (names.empty()) return begin(now);
    auto const path = settings_.dir + "/" + names.back();
    auto const at = read_ledger_file_name(names.back())->at;
    std::error_code failed;
    auto const size = std::filesystem::file_size(path, failed);
    bool const is_young = settings_.age_max.count() == 0 || now - at < settings_.age_max;
    if (failed || !is_young || at > now || size >= settings_.bytes_max) return begin(now);
    settings_.on_use("", path);
    int const fd = disk_.reopen(path);
    if (fd < 0) return begin(now);
    fd_ = fd;
    name_ = names.back();
    begun_at_ = at;
    size_ = size;
    settings_.on_use(path, "");
    return 0;
}

LineFile::Wrote LineFile::append(std::string_view lines, Wall::time_point now) {
    prepare(now, lines.size());
    if (fd_ < 0) {
        int const failed = begin(now);
        if (failed != 0) return {0, failed};
    }
    is_dirty_ = true;
    std::size_t taken = 0;
    while (taken < lines.size()) {
        auto const wrote = disk_.write(fd_, lines.substr(taken));
        if (wrote == -EINTR) continue;
        if (wrote <= 0) {
            return cut_back(lines.substr(0, taken), wrote == 0 ? EIO : static_cast<int>(-wrote));
        }
        taken += static_cast<std::size_t>(wrote);
    }
    size_ += taken;
    return {taken, 0};
}

int LineFile::sync_if_due(Steady::time_point now) {
    if (settings_.sync_every.count() == 0 || !is_dirty_ || fd_ < 0) return 0;
    if (now - synced_at_ < settings_.sync_every) return 0;
    synced_at_ = now;
    is_dirty_ = false;
    return -disk_.sync(fd_);
}

void LineFile::close_if_old(Wall::time_point now) {
    if (fd_ >= 0 && is_old(now)) close();
}

milliseconds LineFile::is_old_in(Wall::time_point now) const noexcept {
    if (fd_ < 0 || settings_.age_max.count() == 0) return std::chrono::hours{24};
    auto const left = std::chrono::ceil<milliseconds>(begun_at_ + settings_.age_max - now);
    return std::clamp<milliseconds>(left, milliseconds{0}, std::chrono::hours{24});
}

void LineFile::close() {
    if (fd_ < 0) return;
    if (settings_.sync_every.count() != 0 && is_dirty_) disk_.sync(fd_);
    is_dirty_ = false;
    disk_.close(fd_);
    fd_ = -1;
    settings_.on_use("", "");
}

// A file that is due is ended only when the next one could be begun: a disk on which no file can be
// made may still take lines.
void LineFile::prepare(Wall::time_point now, std::size_t coming) {
    if (fd_ < 0) return;
    if (disk_.is_deleted(fd_)) return close();
    if (!is_old(now) && (size_ == 0 || size_ + coming <= settings_.bytes_max)) return;
    int const old = fd_;
    bool const was_dirty = is_dirty_;
    if (begin(now) != 0) return;
    if (settings_.sync_every.count() != 0 && was_dirty) disk_.sync(old);
    disk_.close(old);
}

// Leaves everything as it was when no file can be made.
int LineFile::begin(Wall::time_point now) {
    auto const names = ledger_file_names(settings_.dir, settings_.stem);
    auto newest = names.empty() ? std::string{} : names.back();
    if (newest < name_) newest = name_;
    auto name = next_ledger_file_name(settings_.stem, now, newest);
    auto const next = settings_.dir + "/" + name;
    settings_.on_use(path(), next);
    int const fd = make_file(next);
    if (fd < 0) {
        settings_.on_use(path(), "");
        return -fd;
    }
    fd_ = fd;
    name_ = std::move(name);
    begun_at_ = now;
    size_ = 0;
    is_dirty_ = false;
    ++begun_;
    settings_.on_use(path(), "");
    return 0;
}

int LineFile::make_file(std::string const& path) {
    int const made = settings_.make_dir();
    return made != 0 ? made : disk_.create(path);
}

bool LineFile::is_old(Wall::time_point now) const noexcept {
    return settings_.age_max.count() != 0 && now - begun_at_ >= settings_.age_max;
}

// The disk took `taken` and then no more. What is behind its last newline is taken off again; a
// file where that fails is ended, so that nothing is ever written behind half a line.
LineFile::Wrote LineFile::cut_back(std::string_view taken, int error) {
    auto const end = taken.rfind('\n');
    auto const whole = end == taken.npos ? 0 : end + 1;
    size_ += whole;
    if (disk_.truncate(fd_, size_) != 0 && whole != taken.size()) close();
    return {whole, error};
}

}  // namespace sluice::telemetry
