// HTTP values: comparison, token lists, header blocks that cannot be split, bodies.
#include "sluice/http.hpp"

#include <gtest/gtest.h>

namespace sluice::http {
namespace {

TEST(Iequals, IgnoresAsciiCaseAtEveryLengthAndPlace) {
    std::string const lower = "x-request-id-of-some-longer-name";
    for (std::size_t length = 0; length <= lower.size(); ++length) {
        std::string const a = lower.substr(0, length);
        std::string b = a;
        for (auto& c : b) c = static_cast<char>(std::toupper(c));
        EXPECT_TRUE(iequals(a, b)) << a;
        for (std::size_t at = 0; at < length; ++at) {
            std::string other = b;
            other[at] = '7';
            EXPECT_FALSE(iequals(a, other)) << a << " " << other;
        }
    }
}

TEST(Iequals, FoldsLettersOnly) {
    // Pairs that differ in bit 0x20 and are no letters, and bytes beyond ASCII.
    for (int c = 0; c < 256; ++c) {
        for (std::size_t const length : {1, 5, 9}) {
            std::string const a(length, static_cast<char>(c));
            std::string const b(length, static_cast<char>(c ^ 0x20));
            bool const letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            EXPECT_EQ(iequals(a, b), letter) << c;
        }
    }
}

TEST(HasToken, FindsWholeElementsOnly) {
    EXPECT_TRUE(has_token("keep-alive, Upgrade", "upgrade"));
    EXPECT_TRUE(has_token("\tclose ", "close"));
    EXPECT_TRUE(has_token("a,,close", "close"));
    EXPECT_FALSE(has_token("keep-alive-not", "keep-alive"));
    EXPECT_FALSE(has_token("", "close"));
    EXPECT_FALSE(has_token("clo,se", "close"));
}

TEST(HeaderView, FirstValueWinsAndAbsentDiffersFromEmpty) {
    Field const fields[] = {{"Accept", "a"}, {"X-Empty", ""}, {"ACCEPT", "b"}};
    HeaderView const view{fields};
    EXPECT_EQ(view.get("accept"), "a");
    EXPECT_TRUE(view.has("x-empty"));
    EXPECT_FALSE(view.has("x-none"));
    EXPECT_EQ(view.get("x-none"), "");
}

TEST(HeaderBlock, WritesWireFormAndReadsBack) {
    HeaderBlock block;
    EXPECT_TRUE(block.add("Content-Type", "text/event-stream"));
    EXPECT_TRUE(block.add("X-Name", "d\xc3\xa9j\xc3\xa0 vu\twith: colon"));
    EXPECT_EQ(block.wire(),
              "Content-Type: text/event-stream\r\nX-Name: d\xc3\xa9j\xc3\xa0 vu\twith: colon\r\n");
    EXPECT_EQ(block.get("content-type"), "text/event-stream");
    EXPECT_EQ(block.get("x-name"), "d\xc3\xa9j\xc3\xa0 vu\twith: colon");
    EXPECT_EQ(block.get("x-none"), "");
}

TEST(HeaderBlock, GrowsAndTakesAnother) {
    HeaderBlock block, other;
    std::string expected;
    for (int i = 0; i < 200; ++i) {
        auto const name = "X-Name-" + std::to_string(i);
        std::string const value(static_cast<std::size_t>(i % 37), 'v');
        EXPECT_TRUE((i < 100 ? block : other).add(name, value));
        expected += name + ": " + value + "\r\n";
    }
    block.append(HeaderBlock{});
    block.append(other);
    EXPECT_EQ(block.wire(), expected);
    EXPECT_EQ(HeaderBlock{block}.wire(), expected);
    block.clear();
    EXPECT_EQ(block.wire(), "");
}

TEST(HeaderBlock, RefusesWhatCouldSplitAHead) {
    HeaderBlock block;
    EXPECT_FALSE(block.add("X-A", "a\r\nX-B: b"));
    EXPECT_FALSE(block.add("X-A", "a\nb"));
    EXPECT_FALSE(block.add("X-A", "a\rb"));
    EXPECT_FALSE(block.add("X-A", std::string_view{"a\0b", 3}));
    EXPECT_FALSE(block.add("X-A", "a\x7f"));
    EXPECT_FALSE(block.add("X-A", "a\x01"));
    EXPECT_FALSE(block.add("", "a"));
    EXPECT_FALSE(block.add("X A", "a"));
    EXPECT_FALSE(block.add("X:A", "a"));
    EXPECT_FALSE(block.add("X-\xc3\xa9", "a"));
    EXPECT_FALSE(block.add(std::string_view{"X\0", 2}, "a"));
    EXPECT_EQ(block.wire(), "");
}

TEST(Body, KeepsContentWhileItGrowsAndLeavesPadding) {
    Body body;
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        std::string const piece(static_cast<std::size_t>(i % 17), static_cast<char>('a' + i % 26));
        body.append(piece);
        expected += piece;
        ASSERT_EQ(body.view(), expected);
    }
    // ASan sees a touch beyond the padding.
    for (std::size_t i = 0; i < Body::padding; ++i) body.tail()[body.room() + i] = '\0';
    EXPECT_EQ(body.view(), expected);
}

TEST(Body, AMovedFromBodyIsEmpty) {
    Body a = Body::copy_of("hello");
    Body b = std::move(a);
    EXPECT_EQ(b.view(), "hello");
    EXPECT_EQ(a.view(), "");  // NOLINT(bugprone-use-after-move): that is the promise
    EXPECT_EQ(a.room(), 0u);
    a.append("again");
    EXPECT_EQ(a.view(), "again");
}

TEST(Body, AssignmentLetsGoOfWhatWasThere) {
    Body a = Body::copy_of(std::string(5000, 'a'));
    Body b = Body::copy_of("hello");
    a = std::move(b);
    EXPECT_EQ(a.view(), "hello");
    EXPECT_EQ(b.view(), "");  // NOLINT(bugprone-use-after-move): that is the promise
    a = {};
    EXPECT_EQ(a.view(), "");
    EXPECT_EQ(a.capacity(), 0u);
}

TEST(Names, MethodsAndReasons) {
    EXPECT_EQ(to_string(Method::del), "DELETE");
    EXPECT_EQ(reason_phrase(429), "Too Many Requests");
    EXPECT_EQ(reason_phrase(299), "");
}

}  // namespace
}  // namespace sluice::http
