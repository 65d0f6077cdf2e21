#include "daemon/command/storage_dir.hpp"

#include <filesystem>
#include <fmt/format.h>

#include "daemon/command/command.hpp"
#include "store/projection/projection.hpp"

namespace sluice::daemon::command {

std::shared_ptr<StorageOptions> add_storage_options(CLI::App& command) {
    auto options = std::make_shared<StorageOptions>();
    add_config_option(command, options->config);
    command.add_option("-d,--dir", options->dir,
                       "The storage directory; without it that of the configuration");
    return options;
}

std::optional<std::string> storage_dir(StorageOptions const& options) {
    if (!options.dir.empty()) return options.dir;
    auto const loaded = config::load_document(options.config, load_options());
    if (loaded.ok()) return loaded.document.storage.dir;
    print_problems(loaded.problems);
    fmt::print(stderr, "sluice: --dir names the storage directory without a configuration\n");
    return std::nullopt;
}

Result<void> bring_up_to_date(std::string const& dir) {
    if (!std::filesystem::is_directory(store::ledger_folder(dir))) {
        return gateway_error(ErrorCode::internal, 500,
                             "there is no ledger in " + dir + "; set storage.dir, or --dir");
    }
    if (store::is_ledger_in_use(dir)) return {};
    auto projection = store::Projection::open(dir);
    if (!projection) return std::move(projection).error();
    return (*projection)->catch_up();
}

}  // namespace sluice::daemon::command
