// The thread that has the configuration loaded again: when a signal asks for it, or when a file it
// came from changed. inotify on the directories says when to look, digests say whether anything
// changed; so a swapped `..data` link (Kubernetes), an editor's rename and a plain write are all
// one case. Where inotify cannot be had, it looks every two seconds; with it every half minute
// too, for file systems that tell nothing.
//
// Made by daemon; calls back into it. Thread: its own; request() and stop() on any other.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "daemon/config_source.hpp"

namespace sluice::daemon {

struct WatchOptions {
    bool files = true;    // false: only request() has it loaded again
    bool inotify = true;  // false: as if the system had none
};

class ConfigWatch {
  public:
    struct Calls {
        std::function<void(std::string const& cause)> reload;
        // Frees what no worker uses any more. True: something is left, call again soon.
        std::function<bool()> tidy;
        // Soon after a reload, when nothing is left to free.
        std::function<void()> rest;
    };

    // `source` (may be null: nothing to watch) outlives it.
    ConfigWatch(ConfigSource const* source, Calls calls, WatchOptions options);
    ConfigWatch(ConfigWatch const&) = delete;
    ConfigWatch& operator=(ConfigWatch const&) = delete;
    ~ConfigWatch();

    // Has the configuration loaded soon. Several requests at once are one.
    void request(std::string cause);
    // There is something to free, or other files to watch: a reload was made elsewhere.
    void tidy_soon();
    // Waits for a reload that is running. Idempotent.
    void stop();

  private:
    void run();
    void wait(int timeout_ms);
    void watch_directories();
    std::string take_request();

    ConfigSource const* const source_;
    Calls const calls_;
    WatchOptions const options_;
    int wake_fd_ = -1;         // eventfd: a request or a stop
    int inotify_fd_ = -1;      // -1: there is none
    bool is_stirred_ = false;  // inotify said something that was not looked into yet
    std::mutex mutex_;         // of the three below
    std::string requested_;    // the cause; "" = nobody asked
    bool is_untidy_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace sluice::daemon
