// The names of ledger files, and the line a kill leaves unfinished.
#include "telemetry/ledger/file_names.hpp"

#include <gtest/gtest.h>

#include "ledger_files.hpp"

namespace sluice::telemetry {
namespace {

Wall::time_point at(std::int64_t s) { return Wall::time_point{seconds{s}}; }

constexpr std::int64_t noon = 1'795'350'784;  // 2026-11-22T12:33:04Z

TEST(LedgerFileName, SaysWhenAndReadsBack) {
    auto const name = ledger_file_name("usage", at(noon), 7);
    EXPECT_EQ(name, "usage-20261122T123304Z-0007.jsonl");
    auto const read = read_ledger_file_name(name);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->stem, "usage");
    EXPECT_EQ(read->at, at(noon));
    EXPECT_EQ(read->number, 7u);
}

TEST(LedgerFileName, OtherFilesAreNone) {
    for (auto const* name :
         {"", "usage-2026-11-22.jsonl", "usage-20261122T123304Z-0007.jsonl.part",
          "-20261122T123304Z-0007.jsonl", "usage-20261322T123304Z-0007.jsonl",
          "usage-20261122T123304Z-00x7.jsonl", "usage-20261122T12330-Z-0007.jsonl",
          "usage-20261122 123304Z-0007.jsonl", ".lock"}) {
        EXPECT_FALSE(read_ledger_file_name(name)) << name;
    }
}

TEST(LedgerFileName, TheNextSortsBehindTheNewestWhateverTheClockSays) {
    struct Row {
        char const* newest;
        char const* next;
    };
    for (auto const& row :
         {Row{"", "usage-20261122T123304Z-0001.jsonl"},
          Row{"usage-20261122T123303Z-0009.jsonl", "usage-20261122T123304Z-0001.jsonl"},
          Row{"usage-20261122T123304Z-0001.jsonl", "usage-20261122T123304Z-0002.jsonl"},
          Row{"usage-20270101T000000Z-0041.jsonl", "usage-20270101T000000Z-0042.jsonl"},
          Row{"usage-20270101T000059Z-9999.jsonl", "usage-20270101T000100Z-0001.jsonl"}}) {
        auto const next = next_ledger_file_name("usage", at(noon), row.newest);
        EXPECT_EQ(next, row.next);
        EXPECT_GT(next, std::string{row.newest});
    }
}

TEST(CutTornLine, CutsBehindTheLastNewlineHoweverFarBackThatIs) {
    TempDir const dir;
    auto const path = dir / "f";
    std::string const far(200'000, 'x');
    struct Row {
        std::string text;
        std::string left;
    };
    for (auto const& row : {Row{"", ""}, Row{"a\nb\n", "a\nb\n"}, Row{"a\nb", "a\n"}, Row{"ab", ""},
                            Row{"a\n" + far, "a\n"}, Row{far, ""}, Row{far + "\n", far + "\n"},
                            Row{std::string("a\n\0\0\0", 5), "a\n"}}) {
        write_text(path, row.text);
        EXPECT_EQ(cut_torn_line(path.string()), row.text.size() - row.left.size());
        EXPECT_EQ(text_of(path), row.left);
    }
    EXPECT_FALSE(cut_torn_line((dir / "missing").string()));
}

}  // namespace
}  // namespace sluice::telemetry
