// What is put aside comes out whole and in order, however long it is.
#include "telemetry/line_writer.hpp"

#include <gtest/gtest.h>
#include <limits>

namespace sluice::telemetry {
namespace {

template <class T>
std::string number_of(T value) {
    std::string out;
    LineWriter line{out};
    line.number(value);
    line.finish();
    return out;
}

TEST(LineWriter, NumbersOfEveryLength) {
    std::uint64_t power = 1;
    for (int digits = 1; digits <= 20; ++digits, power *= 10) {
        for (auto const value : {power - 1, power, power + 1, power / 2 * 3, power * 9}) {
            EXPECT_EQ(number_of(value), std::to_string(value));
            auto const with_sign = static_cast<std::int64_t>(value);
            EXPECT_EQ(number_of(with_sign), std::to_string(with_sign));
            EXPECT_EQ(number_of(-(with_sign / 2)), std::to_string(-(with_sign / 2)));
        }
    }
    for (std::uint64_t value = 1; value != 0; value *= 2) {
        EXPECT_EQ(number_of(value), std::to_string(value));
        EXPECT_EQ(number_of(value - 1), std::to_string(value - 1));
    }
    EXPECT_EQ(number_of(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(number_of(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
    EXPECT_EQ(number_of(std::uint16_t{65'535}), "65535");
    EXPECT_EQ(number_of(-1), "-1");
}

TEST(LineWriter, AppendsWhatIsLongerThanItsRoomInOrder) {
    std::string out = "before ", expected = out;
    LineWriter line{out};
    for (std::size_t size = 0; size < 5'000; size += size / 8 + 1) {
        std::string const plain(size, static_cast<char>('a' + size % 26));
        line.put(plain);
        line.put(',');
        line.string(plain);
        line.string(plain + '"');
        line.number(size);
        line.timestamp(Wall::time_point{milliseconds{1'795'350'784'123}});
        expected += plain + ",\"" + plain + "\"\"" + plain + "\\\"\"" + std::to_string(size) +
                    "2026-11-22T12:33:04.123Z";
    }
    line.finish();
    EXPECT_EQ(out, expected);
    line.finish();
    EXPECT_EQ(out, expected);
}

TEST(LineWriter, EscapesBehindWhatWasWrittenAtRoom) {
    for (std::string const text : {"", "plain", "\x01", "\xff"}) {
        std::string out, expected;
        LineWriter line{out};
        for (int i = 0; i < 1'000; ++i) {
            auto* const at = line.room();
            std::string_view{"name:"}.copy(at, 5);
            line.string_at(at + 5, text);
            expected += "name:";
            append_json_string(expected, text);
        }
        line.finish();
        EXPECT_EQ(out, expected);
    }
}

}  // namespace
}  // namespace sluice::telemetry
