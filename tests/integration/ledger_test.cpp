// The ledger as callers and operators meet it: a disk that is stuck or full stalls no request, is
// told by /readyz and /metrics, and loses nothing that the queues can hold. The fixture compares
// records with requests after each test.
#include <cerrno>
#include <thread>

#include "integration/fixture.hpp"
#include "support/faulty_disk.hpp"

namespace sluice::test {
namespace {

class LedgerFaults : public Integration {
  protected:
    ~LedgerFaults() override {
        disk->is_stuck = false;
        spill_disk->is_stuck = false;
    }
    void start_with(std::string const& ledger = "") {
        GatewayConfig config;
        config.disks = {disk, spill_disk};
        config.more = ledger.empty() ? "" : "ledger: {" + ledger + "}\n";
        start(config);
    }
    Answer admin(std::string const& path) {
        return fetch(gateway->admin_port(), {"GET", path, {}, ""});
    }
    bool wait_for_ready(int status) {
        auto const until = Clock::now() + milliseconds{10'000};
        while (admin("/readyz").status != status) {
            if (Clock::now() > until) return false;
            std::this_thread::sleep_for(milliseconds{20});
        }
        return true;
    }
    void fill_both() {
        disk->error = ENOSPC;
        spill_disk->error = ENOSPC;
        EXPECT_EQ(chat(chat_body("m-1")).status, 200);
        EXPECT_TRUE(wait_for_ready(503));
    }
    void mend() {
        disk->error = 0;
        spill_disk->error = 0;
    }

    std::shared_ptr<FaultyDisk> disk = std::make_shared<FaultyDisk>();
    std::shared_ptr<FaultyDisk> spill_disk = std::make_shared<FaultyDisk>();
};

TEST_F(LedgerFaults, AStuckDiskStallsNoRequestAndLosesNoRecord) {
    start_with();
    disk->is_stuck = true;
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(chat(i % 2 == 0 ? chat_body("m-1") : stream_body("m-1")).status, 200) << i;
    }
    EXPECT_EQ(admin("/readyz").status, 200) << "the emergency file takes them";
    disk->is_stuck = false;
}

TEST_F(LedgerFaults, BothDisksStuckStallNoRequest) {
    start_with();
    disk->is_stuck = true;
    spill_disk->is_stuck = true;
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    auto const until = Clock::now() + milliseconds{10'000};
    while (disk->writes == 0 && Clock::now() < until) {
        std::this_thread::sleep_for(milliseconds{5});
    }
    ASSERT_GT(disk->writes, 0) << "the writer is in the write";
    for (int i = 0; i < 50; ++i) ASSERT_EQ(chat(chat_body("m-1")).status, 200) << i;
    EXPECT_TRUE(wait_for_ready(503));
    EXPECT_NE(admin("/readyz").body.find("does not answer"), std::string::npos);
    disk->is_stuck = false;
    spill_disk->is_stuck = false;
    EXPECT_TRUE(wait_for_ready(200));
}

TEST_F(LedgerFaults, AFullDiskIsToldAndWhatWasSpilledCounts) {
    start_with();
    disk->error = ENOSPC;
    for (int i = 0; i < 10; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    ASSERT_TRUE(gateway->daemon().ledger().flush());
    auto const metrics = admin("/metrics").body;
    EXPECT_NE(metrics.find("\nsluice_ledger_records_spilled_total 10\n"), std::string::npos);
    EXPECT_NE(metrics.find("\nsluice_ledger_failing 1\n"), std::string::npos);
    EXPECT_EQ(admin("/readyz").status, 200);
    disk->error = 0;
}

TEST_F(LedgerFaults, ServesWhileNothingCanBeKeptUnlessToldOtherwise) {
    start_with();
    fill_both();
    EXPECT_NE(admin("/readyz").body.find("No space left on device"), std::string::npos);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(chat(chat_body("m-1")).status, 200);
    mend();
    EXPECT_TRUE(wait_for_ready(200));
}

TEST_F(LedgerFaults, RefusesWhileNothingCanBeKeptWhenToldTo) {
    start_with("on_failure: refuse");
    fill_both();
    // Not counted as sent: what is refused for this leaves no record.
    auto const refused = fetch(gateway->port(), chat_request(chat_body("m-1")));
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(error_code(refused), "ledger_unavailable");
    EXPECT_EQ(refused.header("retry-after"), "5");
    EXPECT_EQ(upstream.request_count(), 1u);
    EXPECT_NE(admin("/metrics").body.find("code=\"ledger_unavailable\""), std::string::npos);
    mend();
    EXPECT_TRUE(wait_for_ready(200));
    EXPECT_EQ(chat(chat_body("m-1")).status, 200);
}

}  // namespace
}  // namespace sluice::test
