// The process log and the line log over spdlog. This is the only file that includes spdlog.
// Lines are escaped by the thread that writes them and formatted and written by one background
// thread; the queue between is bounded and drops the oldest line when it is full.
#include "base/log.hpp"

#include <atomic>
#include <cstdio>
#include <mutex>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/json_text.hpp"
#include "base/line_log.hpp"

namespace sluice::log {
namespace {

constexpr std::size_t queue_lines_max = 1024;
constexpr std::size_t line_bytes_max = 16 * 1024;

struct Running {
    std::shared_ptr<spdlog::details::thread_pool> pool;
    std::shared_ptr<spdlog::async_logger> logger;
};

// Before start() and after stop() lines go to stderr at once, warnings and errors only.
std::atomic<Level> level_{Level::warn};
std::mutex running_mutex_;  // held to copy or swap the pointer, never while writing
std::shared_ptr<Running> running_;
std::atomic<std::uint64_t> dropped_before_{0};  // by queues that are gone

std::shared_ptr<Running> pinned() {
    std::lock_guard const lock{running_mutex_};
    return running_;
}

spdlog::level::level_enum to_spdlog(Level level) {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warn:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

std::string_view to_string(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::debug:
            return "debug";
        case spdlog::level::warn:
            return "warn";
        case spdlog::level::err:
            return "error";
        default:
            return "info";
    }
}

// "%*" in the patterns below: our names of levels (spdlog's own say "warning").
class LevelName final : public spdlog::custom_flag_formatter {
  public:
    void format(spdlog::details::log_msg const& message, std::tm const&,
                spdlog::memory_buf_t& out) override {
        auto const name = to_string(message.level);
        out.append(name.data(), name.data() + name.size());
    }
    [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
        return std::make_unique<LevelName>();
    }
};

std::unique_ptr<spdlog::pattern_formatter> make_formatter(bool json) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<LevelName>('*');
    formatter->set_pattern(json ? R"({"at":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%*","text":"%v"})"
                                : "%Y-%m-%dT%H:%M:%S.%eZ %^%*%$ %v");
    return formatter;
}

// One line, whatever the text holds.
std::string to_json_line(std::string_view text) {
    std::string line;
    append_json_escaped(line, text.substr(0, line_bytes_max));
    return line;
}

std::string to_text_line(std::string_view text) {
    std::string line;
    line.reserve(text.size());
    for (char c : text.substr(0, line_bytes_max)) {
        auto const byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            line += c;
        } else {
            append_json_escaped(line, {&c, 1});
        }
    }
    return line;
}

std::atomic<bool> json_{false};

class SpdlogLines final : public LineLog {
  public:
    explicit SpdlogLines(spdlog::sink_ptr sink) : sink_(std::move(sink)) {
        sink_->set_pattern("%v");
    }

    bool write(std::string_view lines) noexcept override {
        // The sink ends what it writes with a newline of its own.
        if (!lines.empty() && lines.back() == '\n') lines.remove_suffix(1);
        if (lines.empty()) return true;
        try {
            sink_->log({spdlog::string_view_t{}, spdlog::level::info,
                        spdlog::string_view_t{lines.data(), lines.size()}});
            sink_->flush();
            return true;
        } catch (...) {
            return false;
        }
    }

  private:
    spdlog::sink_ptr sink_;
};

}  // namespace

void start(Level level, bool json) {
    stop();
    auto running = std::make_shared<Running>();
    running->pool = std::make_shared<spdlog::details::thread_pool>(queue_lines_max, 1);
    auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
    running->logger = std::make_shared<spdlog::async_logger>(
        "sluice", sink, running->pool, spdlog::async_overflow_policy::overrun_oldest);
    running->logger->set_formatter(make_formatter(json));
    running->logger->set_level(spdlog::level::trace);  // is_on() decides
    json_.store(json, std::memory_order_relaxed);
    level_.store(level, std::memory_order_relaxed);
    std::lock_guard const lock{running_mutex_};
    running_ = std::move(running);
}

void stop() {
    std::shared_ptr<Running> last;
    {
        std::lock_guard const lock{running_mutex_};
        last.swap(running_);
    }
    if (!last) return;
    level_.store(Level::warn, std::memory_order_relaxed);
    last->logger->flush();
    dropped_before_.fetch_add(last->pool->overrun_counter(), std::memory_order_relaxed);
    // The pool writes out what is queued and joins its thread when its last owner lets go.
}

void set_level(Level level) noexcept { level_.store(level, std::memory_order_relaxed); }

std::optional<Level> to_level(std::string_view name) noexcept {
    if (name == "debug") return Level::debug;
    if (name == "info") return Level::info;
    if (name == "warn") return Level::warn;
    if (name == "error") return Level::error;
    return std::nullopt;
}

bool is_on(Level level) noexcept { return level >= level_.load(std::memory_order_relaxed); }

void write(Level level, std::string_view text) {
    auto const running = pinned();
    if (!running) {
        auto const line = to_text_line(text);
        auto const name = to_string(to_spdlog(level));
        std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(name.size()), name.data(),
                     line.c_str());
        return;
    }
    auto const json = json_.load(std::memory_order_relaxed);
    running->logger->log(to_spdlog(level), "{}", json ? to_json_line(text) : to_text_line(text));
}

std::uint64_t dropped() noexcept {
    auto const running = pinned();
    return dropped_before_.load(std::memory_order_relaxed) +
           (running ? running->pool->overrun_counter() : 0);
}

Result<std::unique_ptr<LineLog>> LineLog::open(std::string const& path) {
    try {
        spdlog::sink_ptr sink;
        if (path.empty()) {
            sink = std::make_shared<spdlog::sinks::stdout_sink_st>();
        } else {
            sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(path);
        }
        std::unique_ptr<LineLog> log = std::make_unique<SpdlogLines>(std::move(sink));
        return log;
    } catch (std::exception const& e) {
        return gateway_error(ErrorCode::internal, 500, "cannot open log file " + path, e.what());
    }
}

}  // namespace sluice::log
