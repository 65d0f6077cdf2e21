// SSE framing: where frames end, what they say, and that the split never matters.
#include "codec/sse.hpp"

#include <gtest/gtest.h>
#include <ostream>
#include <random>
#include <string>
#include <vector>

namespace sluice::codec {
namespace {

struct Seen {
    std::string raw, event, data, id;
    bool has_data = false;
    bool operator==(Seen const&) const = default;
    friend std::ostream& operator<<(std::ostream& out, Seen const& s) {
        return out << "{raw=" << testing::PrintToString(s.raw) << " data=" << s.data << "}";
    }
};

Seen copy(SseFrame const& f) {
    return {std::string{f.raw}, std::string{f.event}, std::string{f.data}, std::string{f.id},
            f.has_data};
}

struct Outcome {
    std::vector<Seen> frames;
    Seen tail;
    bool tail_ended = false;
    bool ok = true;
    bool operator==(Outcome const&) const = default;
};

Outcome frames_of(std::vector<std::string_view> const& pieces, std::size_t max = 4096) {
    SseFramer framer(max);
    Outcome out;
    for (auto const piece : pieces) {
        // A copy of exact size, so that a sanitizer sees any read past the fed bytes.
        std::vector<char> const bytes(piece.begin(), piece.end());
        out.ok = framer.feed({bytes.data(), bytes.size()},
                             [&](SseFrame const& f) { out.frames.push_back(copy(f)); });
    }
    SseFrame frame;
    bool ended = false;
    if (framer.finish(frame, ended)) {
        out.tail = copy(frame);
        out.tail_ended = ended;
    }
    return out;
}

Outcome frames_every_way(std::string_view input, std::size_t max = 4096) {
    auto const whole = frames_of({input}, max);
    std::string raw;
    for (auto const& f : whole.frames) raw += f.raw;
    raw += whole.tail.raw;
    if (whole.ok) {
        EXPECT_EQ(raw, input);
    }
    for (std::size_t at = 0; at <= input.size(); ++at) {
        EXPECT_EQ(whole.frames, frames_of({input.substr(0, at), input.substr(at)}, max).frames)
            << "split at " << at;
    }
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < input.size(); ++at) bytes.push_back(input.substr(at, 1));
    EXPECT_EQ(whole, frames_of(bytes, max));
    return whole;
}

std::vector<std::string> data_of(Outcome const& out) {
    std::vector<std::string> data;
    for (auto const& f : out.frames) data.push_back(f.has_data ? f.data : "-");
    return data;
}

struct Row {
    std::string name;
    std::string input;
    std::vector<std::string> data;  // "-" for a frame without data
    std::string tail = {};
};

class SseFrames : public testing::TestWithParam<Row> {};

TEST_P(SseFrames, AreTheSameInEverySplit) {
    auto const got = frames_every_way(GetParam().input);
    EXPECT_EQ(data_of(got), GetParam().data);
    EXPECT_EQ(got.tail.raw, GetParam().tail);
}

INSTANTIATE_TEST_SUITE_P(
    Table, SseFrames,
    testing::Values(
        Row{"lf", "data: a\n\ndata: b\n\n", {"a", "b"}},
        Row{"crlf", "data: a\r\n\r\ndata: b\r\n\r\n", {"a", "b"}},
        Row{"cr", "data: a\r\rdata: b\r\r", {"a", "b"}},
        Row{"mixed", "data: a\n\r\ndata: b\r\n\ndata: c\r\rdata: d\n\n", {"a", "b", "c", "d"}},
        Row{"blank_cr_then_data", "data: a\n\rdata: b\n\n", {"a", "b"}},
        Row{"no_space", "data:a\n\n", {"a"}}, Row{"two_spaces", "data:  a\n\n", {" a"}},
        Row{"several_lines", "data: a\ndata: b\ndata:\n\n", {"a\nb\n"}},
        Row{"several_lines_crlf", "data: a\r\ndata: b\r\n\r\n", {"a\nb"}},
        Row{"empty_data", "data\n\n", {""}},
        Row{"comment", ": keep-alive\n\ndata: a\n\n", {"-", "a"}},
        Row{"comment_inside", ": x\ndata: a\n: y\n\n", {"a"}},
        Row{"blank_lines", "\n\ndata: a\n\n\n", {"-", "-", "a", "-"}},
        Row{"unknown_field", "foo: bar\n\n", {"-"}},
        Row{"mark",
            "\xef\xbb\xbf"
            "data: a\n\n",
            {"a"}},
        Row{"mark_and_blank", "\xef\xbb\xbf\n\ndata: a\n\n", {"-", "-", "a"}},
        Row{"part_of_a_mark", "\xef\xbb\n\ndata: a\n\n", {"-", "a"}},
        Row{"mark_only_at_the_start",
            "data: a\n\n\xef\xbb\xbf"
            "data: b\n\n",
            {"a", "-"}},
        Row{"tail", "data: a\n\ndata: b\n", {"a"}, "data: b\n"},
        Row{"tail_without_line_end", "data: a\n\ndata: [DONE]", {"a"}, "data: [DONE]"},
        Row{"nothing", "", {}}),
    [](auto const& row) { return row.param.name; });

TEST(Sse, ReadsEventAndId) {
    auto const got = frames_of({"event: error\nid: 7\nretry: 10\ndata: x\n\n"});
    ASSERT_EQ(got.frames.size(), 1U);
    EXPECT_EQ(got.frames[0].event, "error");
    EXPECT_EQ(got.frames[0].id, "7");
    EXPECT_EQ(got.frames[0].data, "x");
}

TEST(Sse, AWholeFrameIsAViewIntoTheInput) {
    std::string const input = "data: a\n\ndata: b";
    SseFramer framer(100);
    framer.feed(input, [&](SseFrame const& f) {
        EXPECT_EQ(f.raw.data(), input.data());
        EXPECT_EQ(f.data.data(), input.data() + 6);
    });
    EXPECT_EQ(framer.tail_bytes(), 7U);
}

TEST(Sse, AFrameOverTheBoundIsRefusedInEverySplit) {
    std::string const small(20, 'x');
    std::string const input = "data: " + small + "\n\ndata: " + std::string(40, 'y') + "\n\n";
    auto const got = frames_every_way(input, 40);
    EXPECT_FALSE(got.ok);
    EXPECT_EQ(data_of(got), std::vector<std::string>{small});
    EXPECT_TRUE(frames_of({"data: " + std::string(32, 'z') + "\n\n"}, 40).ok);
}

TEST(Sse, LastCrEndsTheFrame) {
    auto const got = frames_of({"data: a\r\n\r"});
    EXPECT_EQ(got.tail.data, "a");
    EXPECT_TRUE(got.tail_ended);
    EXPECT_FALSE(frames_of({"data: a\n"}).tail_ended);
}

TEST(Sse, RandomSoupIsTheSameInEverySplit) {
    std::mt19937 random(7);
    std::vector<std::string_view> const words{"data: x", "data",  ":c",   "\r", "\n",
                                              "\r\n",    "event", "\xef", "\n", "\r"};
    for (int round = 0; round < 300; ++round) {
        std::string input;
        for (int i = 0; i < 14; ++i) input += words[random() % words.size()];
        frames_every_way(input);
    }
}

}  // namespace
}  // namespace sluice::codec
