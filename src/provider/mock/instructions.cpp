// The mock's instructions: "name=value; name". A flag stands alone or is 1 or 0.
#include "provider/mock/instructions.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/nearest.hpp"

namespace sluice::provider::mock {
namespace {

struct NumberRow {
    std::string_view name;
    Instructions::Number Instructions::*member;
    std::int64_t min;
    std::int64_t max;
};

constexpr std::int64_t ms_max = 3'600'000;
constexpr std::int64_t bytes_max = 64LL * 1024 * 1024;
constexpr std::int64_t count_max = 1'000'000;

constexpr std::array number_rows = {
    NumberRow{"first_byte_ms", &Instructions::first_byte_ms, 0, ms_max},
    NumberRow{"chunk_ms", &Instructions::chunk_ms, 0, ms_max},
    NumberRow{"chunks", &Instructions::chunks, 1, count_max},
    NumberRow{"chunk_bytes", &Instructions::chunk_bytes, 1, 1024 * 1024},
    NumberRow{"text_bytes", &Instructions::text_bytes, 1, bytes_max},
    NumberRow{"write_bytes", &Instructions::write_bytes, 1, bytes_max},
    NumberRow{"status", &Instructions::status, 300, 599},
    NumberRow{"retry_after", &Instructions::retry_after, 0, 86'400},
    NumberRow{"retry_after_ms", &Instructions::retry_after_ms, 0, 86'400'000},
    NumberRow{"cut_frames", &Instructions::cut_frames, 0, count_max},
    NumberRow{"cut_bytes", &Instructions::cut_bytes, 0, bytes_max},
    NumberRow{"silence_frames", &Instructions::silence_frames, 0, count_max},
    NumberRow{"error_frames", &Instructions::error_frames, 0, count_max},
    NumberRow{"huge_frame", &Instructions::huge_frame, 1, bytes_max},
    NumberRow{"fail_times", &Instructions::fail_times, 1, 1000},
};

struct FlagRow {
    std::string_view name;
    bool Instructions::*member;
};
constexpr std::array flag_rows = {
    FlagRow{"silence", &Instructions::silence},   FlagRow{"reset", &Instructions::reset},
    FlagRow{"garbage", &Instructions::garbage},   FlagRow{"error_200", &Instructions::error_200},
    FlagRow{"no_usage", &Instructions::no_usage}, FlagRow{"no_done", &Instructions::no_done},
};

struct WordRow {
    std::string_view name;
    std::string Instructions::*member;
};
constexpr std::array word_rows = {
    WordRow{"encoding", &Instructions::encoding},
    WordRow{"code", &Instructions::code},
    WordRow{"only_model", &Instructions::only_model},
    WordRow{"id", &Instructions::id},
};

std::string_view trim(std::string_view text) {
    auto const begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

Error wrong(std::string message) {
    return client_error(ErrorCode::invalid_request, 400, "x-sluice-mock: " + std::move(message));
}

Error unknown(std::string_view name) {
    std::vector<std::string_view> names;
    for (auto const& row : number_rows) names.push_back(row.name);
    for (auto const& row : flag_rows) names.push_back(row.name);
    for (auto const& row : word_rows) names.push_back(row.name);
    auto const near = nearest(name, names);
    std::string message = "unknown instruction '" + std::string{name.substr(0, 64)} + "'";
    if (!near.empty()) message += "; did you mean '" + std::string{near} + "'?";
    return wrong(std::move(message));
}

Result<void> read_number(NumberRow const& row, std::string_view value, Instructions& into) {
    std::int64_t number = 0;
    auto const* const end = value.data() + value.size();
    auto const [at, error] = std::from_chars(value.data(), end, number);
    if (error != std::errc{} || at != end || number < row.min || number > row.max) {
        return wrong(std::string{row.name} + " takes a whole number from " +
                     std::to_string(row.min) + " to " + std::to_string(row.max));
    }
    into.*row.member = number;
    return {};
}

Result<void> read_one(std::string_view name, std::string_view value, Instructions& into) {
    for (auto const& row : number_rows) {
        if (row.name == name) return read_number(row, value, into);
    }
    for (auto const& row : flag_rows) {
        if (row.name != name) continue;
        if (!value.empty() && value != "1" && value != "0") {
            return wrong(std::string{name} + " takes no value, 1 or 0");
        }
        into.*row.member = value != "0";
        return {};
    }
    for (auto const& row : word_rows) {
        if (row.name != name) continue;
        into.*row.member = std::string{value};
        return {};
    }
    return unknown(name);
}

}  // namespace

void Instructions::clear_faults() {
    Instructions kept;
    kept.first_byte_ms = first_byte_ms;
    kept.chunk_ms = chunk_ms;
    kept.chunks = chunks;
    kept.chunk_bytes = chunk_bytes;
    kept.text_bytes = text_bytes;
    kept.write_bytes = write_bytes;
    *this = std::move(kept);
}

Result<Instructions> read_instructions(std::string_view text, Instructions base) {
    while (true) {
        auto const end = text.find(';');
        auto const one = trim(text.substr(0, end));
        if (!one.empty()) {
            auto const equals = one.find('=');
            auto const name = trim(one.substr(0, equals));
            auto const value = equals == std::string_view::npos ? std::string_view{}
                                                                : trim(one.substr(equals + 1));
            auto read = read_one(name, value, base);
            if (!read.ok()) return std::move(read).error();
        }
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    constexpr std::string_view encodings[] = {"", "gzip", "deflate", "br", "zstd"};
    if (std::find(std::begin(encodings), std::end(encodings), base.encoding) ==
        std::end(encodings)) {
        return wrong("encoding takes gzip, deflate, br or zstd");
    }
    return base;
}

}  // namespace sluice::provider::mock
