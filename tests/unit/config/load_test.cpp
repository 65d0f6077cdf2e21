// Loading whole configurations: the shipped one, the issue's own example, what is told when wrong.
#include "config/load.hpp"

#include <gmock/gmock.h>

#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string const shipped = std::string(SLUICE_SOURCE_DIR) + "/config/sluice.yaml";

TEST(Load, shipped_file_is_a_trial_without_an_account) {
    auto const loaded = load_document(shipped, with());
    EXPECT_EQ(told(loaded), "");
    EXPECT_TRUE(loaded.document.trial);
    ASSERT_EQ(loaded.document.teams.size(), 1U);
    EXPECT_TRUE(loaded.document.teams[0].keys[0].is_trial);
    EXPECT_FALSE(loaded.document.provider("openai")->is_available());
}

TEST(Load, shipped_file_is_no_trial_with_a_credential) {
    auto const loaded = load_document(shipped, with({{"OPENAI_API_KEY", "sk-real-0123456789"}}));
    EXPECT_EQ(told(loaded), "");
    EXPECT_FALSE(loaded.document.trial);
    auto const* openai = loaded.document.provider("openai");
    ASSERT_EQ(openai->keys.size(), 1U);
    EXPECT_EQ(openai->keys[0].value.reveal(), "sk-real-0123456789");
    EXPECT_EQ(openai->keys[0].source, "OPENAI_API_KEY");
}

char const* const example = R"(server:
  listeners: [{address: "127.0.0.1:8080"}]
  defaults:
    timeout: {connect_ms: 2000, first_byte_ms: 30000, idle_ms: 60000, total_ms: 600000}
    retry:   {when: [connect, timeout, 429, 5xx], attempts_max: 3}
admin: {address: "127.0.0.1:9090", token: "${SLUICE_ADMIN_TOKEN:-}"}
providers:
  openai:
    keys: {prod-1: {value: "${OPENAI_KEY_1}", weight: 2}, prod-2: {value: "file:/run/secrets/openai-2"}}
  local: {kind: openai_compatible, base_url: "http://127.0.0.1:11434/v1/"}
  mock:  {kind: mock}
routes:
  "gpt-*":     openai
  embed-small: openai/text-embedding-3-small
  chat-fast:
    tiers:
      - {openai/gpt-4o-mini: 9, "local/qwen3:8b": 1}
      - {local/llama3: 1}
    timeout: {first_byte_ms: 8000}
keys:
  search:
    models: ["gpt-*", chat-fast, embed-small]
    keys:
      api:      {hash: ["sha256:1111111111111111111111111111111111111111111111111111111111111111", "sha256:2222222222222222222222222222222222222222222222222222222222222222"]}
      notebook: {hash: "sha256:333333333333333333333333333333333333333333333333333333333333333A", expires: "2027-01-31", models: [chat-fast]}
storage:   {dir: ./data}
telemetry: {access_log: {format: json}}
)";

TEST(Load, reads_every_part) {
    auto const loaded = load_text(example, "x.yaml",
                                  with({{"OPENAI_KEY_1", "sk-one-abcdefgh"}},
                                       {{"/run/secrets/openai-2", "sk-two-abcdefgh\r\n"}}));
    EXPECT_EQ(told(loaded), "");
    auto const& document = loaded.document;
    EXPECT_FALSE(document.trial);
    EXPECT_THAT(document.server.defaults.retry.when,
                ElementsAre("connect", "timeout", "429", "5xx"));
    auto const& openai = document.providers.at(0);
    EXPECT_EQ(openai.base_url, "https://api.openai.com/v1");
    EXPECT_EQ(openai.keys.at(0).weight, 2);
    EXPECT_EQ(openai.keys.at(0).source, "OPENAI_KEY_1");
    EXPECT_EQ(openai.keys.at(1).value.reveal(), "sk-two-abcdefgh");
    EXPECT_EQ(openai.keys.at(1).source, "file:/run/secrets/openai-2");
    EXPECT_EQ(document.providers.at(1).base_url, "http://127.0.0.1:11434/v1");
    EXPECT_FALSE(document.providers.at(1).needs_credential);
    EXPECT_EQ(document.providers.at(2).kind, "mock");

    auto const& fast = document.routes.at(2);
    EXPECT_EQ(fast.pattern, "chat-fast");
    ASSERT_EQ(fast.tiers.size(), 2U);
    EXPECT_EQ(fast.tiers[0].targets.at(0).weight, 9);
    EXPECT_EQ(fast.tiers[0].targets.at(1).provider, "local");
    EXPECT_EQ(fast.tiers[0].targets.at(1).model, "qwen3:8b");
    EXPECT_EQ(fast.timeout.first_byte_ms, 8000);
    EXPECT_EQ(fast.timeout.total_ms, 600000);
    EXPECT_THAT(fast.retry.when, ElementsAre("connect", "timeout", "429", "5xx"));
    EXPECT_EQ(document.routes.at(0).tiers.at(0).targets.at(0).model, "");
    EXPECT_EQ(document.routes.at(1).tiers.at(0).targets.at(0).model, "text-embedding-3-small");

    auto const& team = document.teams.at(0);
    EXPECT_EQ(team.keys.at(0).hashes.size(), 2U);
    EXPECT_EQ(team.keys.at(1).hashes.at(0).back(), 'a');
    EXPECT_EQ(team.keys.at(1).team, "search");
    EXPECT_EQ(*team.keys.at(1).expires, std::chrono::sys_days(std::chrono::year(2027) / 1 / 31));
    EXPECT_THAT(*team.keys.at(1).models, ElementsAre("chat-fast"));
}

}  // namespace
}  // namespace sluice::config
