// The command line; one file per subcommand in command/. Exit codes: 0 fine, 1 could not run, 2 bad
// usage or bad configuration.
#pragma once

namespace sluice::daemon {

int run_cli(int argc, char** argv);

}  // namespace sluice::daemon
