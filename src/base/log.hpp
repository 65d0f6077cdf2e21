// The process log: one line an event, to stderr, written by a background thread so that no worker
// waits for a terminal or a pipe. spdlog is included by log.cpp alone.
#pragma once

#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <string_view>

namespace sluice::log {

enum class Level { debug, info, warn, error };

// Call once at start, before other threads. `json`: one JSON object a line instead of text.
void start(Level level, bool json);
void stop();                                                    // writes out what is queued
void set_level(Level level) noexcept;                           // any thread
std::optional<Level> to_level(std::string_view name) noexcept;  // "debug", "info", "warn", "error"
bool is_on(Level level) noexcept;
// Any thread. When the queue is full the oldest line is dropped and counted.
void write(Level level, std::string_view text);
std::uint64_t dropped() noexcept;

template <class... Args>
void debug(fmt::format_string<Args...> f, Args&&... args) {
    if (is_on(Level::debug)) write(Level::debug, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> f, Args&&... args) {
    if (is_on(Level::info)) write(Level::info, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args>
void warn(fmt::format_string<Args...> f, Args&&... args) {
    if (is_on(Level::warn)) write(Level::warn, fmt::format(f, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> f, Args&&... args) {
    if (is_on(Level::error)) write(Level::error, fmt::format(f, std::forward<Args>(args)...));
}

}  // namespace sluice::log
