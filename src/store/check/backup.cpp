#include "store/check/backup.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <sqlite3.h>
#include <unistd.h>

#include "store/projection/ledger_files.hpp"
#include "store/sqlite/schema.hpp"

namespace sluice::store {
namespace {

Error cannot(std::string const& doing, std::string const& path, int code) {
    return gateway_error(ErrorCode::internal, 500,
                         "Cannot " + doing + " " + path + ": " + std::strerror(code) + ".");
}

// In one step: a single view of the source, and writers go on beside it.
Result<void> copy(Database& from, Database& to) {
    auto* backup = sqlite3_backup_init(to.handle(), "main", from.handle(), "main");
    if (!backup) return sqlite_error(to.handle(), "a copy cannot be begun");
    int code = SQLITE_OK;
    for (int tries = 0; tries < 50; ++tries) {
        code = sqlite3_backup_step(backup, -1);
        if (code != SQLITE_BUSY && code != SQLITE_LOCKED) break;
        sqlite3_sleep(100);
    }
    sqlite3_backup_finish(backup);
    if (code != SQLITE_DONE) return sqlite_error(to.handle(), "the copy failed");
    return {};
}

// What both must agree on, as of one moment.
Result<std::int64_t> records_in(Database& database) {
    return database.number("SELECT coalesce(sum(records), 0) FROM file");
}

Result<BackupFigures> check_copy(std::string const& path, std::int64_t records_before) {
    auto copy = Database::open(path, Database::Mode::write);
    if (!copy) return std::move(copy).error();
    auto checked = check_schema(*copy);
    if (!checked) return std::move(checked).error();
    auto integrity = copy->prepare("PRAGMA integrity_check(1)");
    if (!integrity) return std::move(integrity).error();
    auto row = integrity->step();
    if (!row) return std::move(row).error();
    if (!*row || integrity->text(0) != "ok") {
        return gateway_error(ErrorCode::internal, 500,
                             "The copy is damaged: " + std::string{integrity->text(0)} + ".");
    }
    integrity->reset();
    auto records = records_in(*copy);
    if (!records) return std::move(records).error();
    if (*records < records_before) {
        return gateway_error(ErrorCode::internal, 500, "The copy lacks records.");
    }
    // One file, without side files: it can be moved about as it is.
    auto single = copy->run("PRAGMA journal_mode=DELETE");
    if (!single) return std::move(single).error();
    return BackupFigures{0, *records};
}

Result<void> settle(std::string const& part, std::string const& target) {
    int const fd = ::open(part.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cannot("open", part, errno);
    int const synced = ::fsync(fd);
    int const code = errno;
    ::close(fd);
    if (synced != 0) return cannot("write", part, code);
    // link() refuses what is there, which rename() would replace.
    if (::link(part.c_str(), target.c_str()) != 0) return cannot("make", target, errno);
    return {};
}

struct Part {  // goes away with its side files
    std::string path;
    ~Part() {
        for (auto const* end : {"", "-wal", "-shm", "-journal"}) ::unlink((path + end).c_str());
    }
};

}  // namespace

Result<BackupFigures> back_up(std::string const& storage_dir, std::string const& target) {
    if (std::filesystem::exists(target)) return cannot("make", target, EEXIST);
    auto source = Database::open(database_path(storage_dir), Database::Mode::read);
    if (!source) return std::move(source).error();
    auto checked = check_schema(*source);
    if (!checked) return std::move(checked).error();
    auto records = records_in(*source);
    if (!records) return std::move(records).error();
    Part const part{target + ".part"};
    if (std::filesystem::exists(part.path)) return cannot("make", part.path, EEXIST);
    {
        int const fd = ::open(part.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
        if (fd < 0) return cannot("make", part.path, errno);
        ::close(fd);
        auto copied_to = Database::open(part.path, Database::Mode::write);
        if (!copied_to) return std::move(copied_to).error();
        auto copied = copy(*source, *copied_to);
        if (!copied) return std::move(copied).error();
    }
    auto figures = check_copy(part.path, *records);
    if (!figures) return figures;
    auto settled = settle(part.path, target);
    if (!settled) return std::move(settled).error();
    figures->bytes = static_cast<std::int64_t>(std::filesystem::file_size(target));
    return figures;
}

}  // namespace sluice::store
