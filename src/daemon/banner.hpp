// What sluice says when it has started: where it listens, what it found, lines to paste.
#pragma once

#include <string>

#include "daemon/daemon.hpp"

namespace sluice::daemon {

// The text for a terminal. `config_path` as the operator gave it. Holds no secret but the trial
// key, which is public.
std::string banner(Daemon const& daemon, std::string const& config_path);

// The same in one line, for logs.
std::string started_line(Daemon const& daemon, std::string const& config_path);

// "http://127.0.0.1:8080" of the first TCP listener, with its base path.
std::string first_url(Daemon const& daemon);

}  // namespace sluice::daemon
