// Versions of the tables: made anew, brought forward, refused.
#include "store/sqlite/schema.hpp"

#include "unit/store/rig.hpp"

namespace sluice::store {
namespace {

class SchemaTest : public Rig {
  protected:
    Database database() {
        auto opened = Database::open(database_path(dir), Database::Mode::write);
        if (!opened) throw std::runtime_error(opened.error().message);
        return std::move(*opened);
    }
};

TEST_F(SchemaTest, AFirstVersionIsBroughtForwardWithItsRowsAndSums) {
    {
        auto old = database();
        ASSERT_TRUE(migrate(old, 1));
        ASSERT_TRUE(old.run(
            "INSERT INTO word(id, text) VALUES(1, 'search'), (2, 'm-1');"
            "INSERT INTO file VALUES('usage-20261120T000000Z-0001.jsonl', 0, 0, 0, 0, 0, 0);"
            "INSERT INTO entry VALUES(1795000000000, '00000000000000000000000999', 0, 0, 1, 0, 0, "
            "0, 0, 0, 2, 0, 200, 0, 0, 5, 1, 0, 1, 10, 0, 0, 0, 5, 0, 0, 700, 0, 0, 0);"
            "INSERT INTO day VALUES(20000, 0, 1, 0, 0, 0, 0, 0, 2, 3, 0, 3, 30, 0, 0, 0, 15, 0, 0, "
            "2100, 0, 0, 0);"));
        EXPECT_EQ(*old.number("PRAGMA user_version"), 1);
    }
    record({{.client_gone = true}});
    project();
    auto const report = usage({{"by", "team,model"}});
    EXPECT_EQ(summary(report), "search/m-1 5 50 25 1002800\n");
    EXPECT_EQ(report.total[Measure::client_gone], 1);
    EXPECT_EQ(number("PRAGMA user_version"), schema_version);
}

TEST_F(SchemaTest, ThoseWhoMakeItAtOnceAllFindItTheirs) {
    for (int round = 0; round < 40; ++round) {
        for (auto const* end : {"", "-wal", "-shm"}) {
            std::filesystem::remove(database_path(dir) + end);
        }
        std::vector<std::thread> makers;
        for (int i = 0; i < 4; ++i) {
            makers.emplace_back([this] {
                auto opened = Database::open(database_path(dir), Database::Mode::write);
                ASSERT_TRUE(opened) << opened.error().message;
                auto const made = migrate(*opened);
                EXPECT_TRUE(made) << made.error().message;
            });
        }
        for (auto& maker : makers) maker.join();
        ASSERT_EQ(number("PRAGMA user_version"), schema_version);
    }
}

TEST_F(SchemaTest, ANewerVersionIsRefusedAndLeftAsItIs) {
    {
        auto newer = database();
        ASSERT_TRUE(migrate(newer));
        ASSERT_TRUE(newer.run("PRAGMA user_version=99; CREATE TABLE future(x)"));
    }
    auto const opened = Projection::open(dir);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("newer sluice (schema 99, this one knows up to 2)"),
              std::string::npos)
        << opened.error().message;
    auto const asked = usage_error({});
    EXPECT_NE(asked.message.find("newer sluice"), std::string::npos) << asked.message;
    EXPECT_EQ(number("PRAGMA user_version"), 99);
}

TEST_F(SchemaTest, ADatabaseOfAnotherProgramIsRefused) {
    ASSERT_TRUE(database().run("CREATE TABLE theirs(x)"));
    auto const opened = Projection::open(dir);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("another program"), std::string::npos);
}

TEST_F(SchemaTest, AFileThatIsNoDatabaseSaysWhatToDo) {
    std::ofstream{database_path(dir)} << std::string(8192, 'x');
    auto const opened = Projection::open(dir);
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().message.find("Move sluice.db away"), std::string::npos)
        << opened.error().message;
}

TEST_F(SchemaTest, AReaderAsksForAMigrationInsteadOfMakingIt) {
    {
        auto old = database();
        ASSERT_TRUE(migrate(old, 1));
    }
    auto const asked = usage_error({});
    EXPECT_NE(asked.message.find("start the daemon once"), std::string::npos) << asked.message;
    EXPECT_EQ(number("PRAGMA user_version"), 1);
}

TEST_F(SchemaTest, WideNumbersComeBackAsTheyWere) {
    auto one = database();
    ASSERT_TRUE(one.run("CREATE TABLE t(x)"));
    auto put = one.prepare("INSERT INTO t VALUES(?)");
    auto get = one.prepare("SELECT x FROM t ORDER BY rowid DESC LIMIT 1");
    ASSERT_TRUE(put && get);
    constexpr Wide most_64 = std::numeric_limits<std::int64_t>::max();
    for (Wide const value : {Wide{0}, Wide{1}, Wide{-1}, most_64, most_64 + 1, -most_64 - 1,
                             -most_64 - 2, most_64 * most_64, -most_64 * most_64}) {
        ASSERT_TRUE(put->bind_wide(1, value).run());
        auto const row = get->step();
        ASSERT_TRUE(row && *row);
        EXPECT_TRUE(get->wide(0) == value);
        get->reset();
    }
}

TEST_F(SchemaTest, OthersMayNotReadTheFile) {
    project();
    auto const rights = std::filesystem::status(database_path(dir)).permissions();
    EXPECT_EQ(rights & std::filesystem::perms::others_all, std::filesystem::perms::none);
}

}  // namespace
}  // namespace sluice::store
