#include "store/projection/ledger_files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

namespace sluice::store {
namespace {

namespace fs = std::filesystem;

Error file_error(std::string const& path, std::string_view doing, int code) {
    return gateway_error(ErrorCode::internal, 500,
                         "cannot " + std::string{doing} + " " + path + ": " + std::strerror(code));
}

std::string_view time_of(std::string_view name) { return name.substr(name.find('-') + 1); }
bool is_usage(std::string_view name) { return name.starts_with("usage-"); }

void mark_open(std::vector<LedgerFile>& files) {
    bool usage_seen = false;
    bool spill_seen = false;
    for (auto file = files.rbegin(); file != files.rend(); ++file) {
        auto& seen = is_usage(file->name) ? usage_seen : spill_seen;
        file->is_open = !seen;
        seen = true;
    }
}

}  // namespace

std::string ledger_folder(std::string const& storage_dir) {
    return (fs::path{storage_dir} / "ledger").string();
}

std::string database_path(std::string const& storage_dir) {
    return (fs::path{storage_dir} / "sluice.db").string();
}

Result<std::vector<LedgerFile>> list_ledger(std::string const& storage_dir) {
    std::vector<LedgerFile> files;
    auto const folder = ledger_folder(storage_dir);
    std::error_code failed;
    fs::directory_iterator entry{folder, failed};
    if (failed == std::errc::no_such_file_or_directory) return files;
    for (; !failed && entry != fs::directory_iterator{}; entry.increment(failed)) {
        auto name = entry->path().filename().string();
        bool const is_ours =
            (is_usage(name) || name.starts_with("spill-")) && name.ends_with(".jsonl");
        if (!is_ours) continue;
        std::error_code gone;
        auto const size = entry->file_size(gone);
        if (!gone) files.push_back({std::move(name), static_cast<std::int64_t>(size), false});
    }
    if (failed) return file_error(folder, "list", failed.value());
    std::sort(files.begin(), files.end(), [](LedgerFile const& a, LedgerFile const& b) {
        if (time_of(a.name) != time_of(b.name)) return time_of(a.name) < time_of(b.name);
        return is_usage(a.name) && !is_usage(b.name);
    });
    mark_open(files);
    return files;
}

bool is_ledger_in_use(std::string const& storage_dir) {
    int const fd =
        ::open((fs::path{ledger_folder(storage_dir)} / ".lock").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool const is_held = ::flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    ::close(fd);
    return is_held;
}

Result<LineReader> LineReader::open(std::string const& path, std::int64_t position) {
    int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return file_error(path, "open", errno);
    return LineReader{fd, position};
}

LineReader::LineReader(LineReader&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      position_(other.position_),
      buffer_(std::move(other.buffer_)) {}

LineReader::~LineReader() {
    if (fd_ >= 0) ::close(fd_);
}

Result<std::string_view> LineReader::read() {
    for (std::size_t want = chunk_bytes;; want *= 2) {
        buffer_.resize(want);
        std::size_t have = 0;
        while (have < want) {
            auto const got = ::pread(fd_, buffer_.data() + have, want - have,
                                     position_ + static_cast<std::int64_t>(have));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return file_error("a ledger file", "read", errno);
            if (got == 0) break;
            have += static_cast<std::size_t>(got);
        }
        std::string_view const seen{buffer_.data(), have};
        auto const end = seen.rfind('\n');
        if (end != seen.npos) return seen.substr(0, end + 1);
        if (have < want) return std::string_view{};
        if (want >= line_bytes_max) return seen;
    }
}

std::string_view take_line(std::string_view& lines) noexcept {
    auto const end = std::min(lines.find('\n'), lines.size());
    auto const line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    return line;
}

}  // namespace sluice::store
