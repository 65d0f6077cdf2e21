// What most pieces of a line do not need.
#include "telemetry/line_writer.hpp"

#include <array>
#include <bit>

namespace sluice::telemetry {
namespace {

// "00" to "99", one behind the other.
constexpr auto pairs = [] {
    std::array<char, 200> text{};
    for (std::size_t i = 0; i < 100; ++i) {
        text[2 * i] = static_cast<char>('0' + i / 10);
        text[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
    return text;
}();

constexpr auto powers_of_ten = [] {
    std::array<std::uint64_t, 20> powers{1};
    for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
    return powers;
}();

// Of a number that is not 0.
std::size_t digits_in(std::uint64_t value) noexcept {
    // Its bits by log10(2): right, or one less.
    auto const digits = static_cast<std::size_t>(std::bit_width(value)) * 1233 / 4096;
    return digits + (value >= powers_of_ten[digits] ? 1 : 0);
}

}  // namespace

void LineWriter::finish() {
    out_.append(bytes_.data(), static_cast<std::size_t>(at_ - bytes_.data()));
    at_ = bytes_.data();
}

char* LineWriter::write_digits(char* to, std::uint64_t value) {
    auto* const end = to + digits_in(value);
    auto* at = end;
    for (; value >= 100; value /= 100) std::memcpy(at -= 2, &pairs[value % 100 * 2], 2);
    if (value >= 10) {
        std::memcpy(to, &pairs[value * 2], 2);
    } else {
        *to = static_cast<char>('0' + value);
    }
    return end;
}

char* LineWriter::write_digits(char* to, std::int64_t value) {
    auto const bits = static_cast<std::uint64_t>(value);
    if (value >= 0) return write_digits(to, bits);
    *to = '-';
    return write_digits(to + 1, 0 - bits);
}

void LineWriter::put_long(std::string_view text) {
    finish();
    out_ += text;
}

void LineWriter::put_escaped(std::string_view text) {
    finish();
    append_json_string(out_, text);
}

}  // namespace sluice::telemetry
