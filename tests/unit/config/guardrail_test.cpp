// Guardrails as they are written down: what is wrong with one is told with its place.
#include <gmock/gmock.h>

#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

std::string const around = R"(providers: {openai: {keys: {main: sk-abcdefgh12345}}}
routes: {a: {tiers: [openai/x], guardrails: [pii]}}
keys: {t: {keys: {k: {value: "client-key-0123456789"}}}}
guardrails:
)";

TEST(Guardrail, IsReadWithItsDefaults) {
    auto const loaded =
        load_text(around + "  pii: {detect: [email], patterns: [\"x{1,9}\"]}\n", "x.yaml", with());
    EXPECT_EQ(told(loaded), "");
    auto const& guardrail = loaded.document.guardrails.at(0);
    EXPECT_TRUE(guardrail.scans("request") && guardrail.scans("response"));
    EXPECT_EQ(guardrail.action, guard::Action::block);
    EXPECT_EQ(guardrail.hold_bytes_max, 512);
    EXPECT_EQ(loaded.document.routes.at(0).guardrails.at(0).name, "pii");
}

TEST(Guardrail, AWrongPatternIsToldWithItsPlace) {
    struct Row {
        char const* settings;
        char const* told;
    };
    Row const rows[] = {
        {"{patterns: [\"a(\"]}",
         "x.yaml:5:20: error: guardrails.pii.patterns[0] is no valid pattern"},
        {"{patterns: [ok, \"[a-z]+\"]}",
         "x.yaml:5:24: error: guardrails.pii.patterns[1] can match a text of any length"},
        {"{patterns: [\"[a-z]{600}\"]}",
         "x.yaml:5:20: error: guardrails.pii.patterns[0] can match up to 600 bytes"},
        {"{patterns: [\"a*\"]}",
         "x.yaml:5:20: error: guardrails.pii.patterns[0] can match nothing"},
        {"{detect: [emial]}", "did you mean \"email\""},
        {"{action: flag}", "looks for nothing"},
    };
    for (auto const& row : rows) {
        auto const errors = load_and_tell(around + "  pii: " + row.settings + "\n");
        EXPECT_THAT(errors, testing::HasSubstr(row.told)) << row.settings;
    }
    // What is not held back needs no greatest length.
    EXPECT_EQ(load_and_tell(around + "  pii: {scan: [request], patterns: [\"[a-z]+\"]}\n"), "");
    EXPECT_EQ(load_and_tell(around + "  pii: {action: flag, patterns: [\"[a-z]+\"]}\n"), "");
}

TEST(Guardrail, NamesThatLeadNowhereAreTold) {
    EXPECT_THAT(
        load_and_tell(around + "  pi: {detect: [email]}\n"),
        testing::AllOf(testing::HasSubstr("routes.a.guardrails[0] names the guardrail \"pii\", "
                                          "which is not defined; did you mean \"pi\""),
                       testing::HasSubstr("guardrails.pi is attached nowhere")));
}

}  // namespace
}  // namespace sluice::config
