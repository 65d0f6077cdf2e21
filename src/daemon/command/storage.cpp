#include <fmt/format.h>

#include "daemon/command/command.hpp"
#include "daemon/command/storage_dir.hpp"
#include "store/check/backup.hpp"
#include "store/check/verify.hpp"

namespace sluice::daemon::command {
namespace {

int failed(Error const& error) {
    fmt::print(stderr, "sluice: {}\n", error.message);
    return exit_failed;
}

int backup(StorageOptions const& options, std::string const& target) {
    auto const dir = storage_dir(options);
    if (!dir) return exit_usage;
    auto const ready = bring_up_to_date(*dir);
    if (!ready) return failed(ready.error());
    auto const done = store::back_up(*dir, target);
    if (!done) return failed(done.error());
    fmt::print("{}: {} bytes, {} records; checked\n", target, done->bytes, done->requests);
    return exit_fine;
}

int verify(StorageOptions const& options) {
    auto const dir = storage_dir(options);
    if (!dir) return exit_usage;
    auto const ready = bring_up_to_date(*dir);
    if (!ready) return failed(ready.error());
    auto const report = store::verify(*dir);
    if (!report) return failed(report.error());
    for (auto const& sentence : report->damage) fmt::print("wrong: {}\n", sentence);
    for (auto const& sentence : report->notes) fmt::print("note: {}\n", sentence);
    fmt::print(
        "ledger files: {}\nrecords: {}\nof them only in the sums per day: {}\n"
        "duplicate lines, counted once: {}\nbytes not taken in yet: {}\nlost records: {}\n{}\n",
        report->files, report->records, report->rolled_up, report->duplicates,
        report->pending_bytes, report->lost, report->is_sound() ? "sound" : "NOT sound");
    return report->is_sound() ? exit_fine : exit_unsound;
}

}  // namespace

void add_storage(CLI::App& app, int& exit_code) {
    auto* storage = app.add_subcommand("storage", "Look after what sluice has written.");
    storage->require_subcommand(1);

    auto* copying = storage->add_subcommand(
        "backup", "Copy the usage database into a file, also while the daemon runs; checked.");
    auto copy_options = add_storage_options(*copying);
    auto target = std::make_shared<std::string>();
    copying->add_option("file", *target, "The copy; must not be there yet")->required();
    copying->footer("Exit codes: 0 fine, 1 no copy was made, 2 bad usage.");
    copying->callback(
        [copy_options, target, &exit_code] { exit_code = backup(*copy_options, *target); });

    auto* verifying = storage->add_subcommand(
        "verify", "Compare the usage database with the ledger, record by record.");
    auto verify_options = add_storage_options(*verifying);
    verifying->footer(
        "Exit codes: 0 sound, 1 could not look, 2 bad usage, 3 something is wrong or lost.");
    verifying->callback([verify_options, &exit_code] { exit_code = verify(*verify_options); });
}

}  // namespace sluice::daemon::command
