// A time zone as a list of its changes: the offset from UTC at a moment, without touching the
// process's own zone. Read from the system's zoneinfo files at load (`open` reads a file), asked by
// budgets whose days and months are calendar ones. Immutable; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

class TimeZone {
  public:
    // "UTC", or a name of the zoneinfo database ("Europe/Berlin"). Null: there is no such zone
    // here.
    static std::shared_ptr<TimeZone const> open(std::string const& name);
    // The content of a zoneinfo file (RFC 8536). Null: it is none.
    static std::shared_ptr<TimeZone const> read(std::string name, std::string_view file);

    [[nodiscard]] std::string const& name() const noexcept { return name_; }
    // Seconds to add to UTC for local time.
    [[nodiscard]] std::int64_t offset_at(std::int64_t unix_s) const noexcept;

  private:
    struct Change {
        std::int64_t at;  // Unix seconds
        std::int64_t offset;
    };

    std::string name_;
    std::int64_t before_ = 0;  // the offset before the first change
    std::vector<Change> changes_;
};

}  // namespace sluice
