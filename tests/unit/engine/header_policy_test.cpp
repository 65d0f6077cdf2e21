#include "engine/header_policy.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace sluice::engine {
namespace {

using http::Field;
using http::HeaderBlock;
using http::HeaderView;

std::string request(std::vector<Field> const& fields, bool to_mock = false,
                    HeaderBlock const& fixed = {}) {
    HeaderBlock out;
    forward_request_headers(HeaderView{fields}, out, fixed, to_mock);
    return std::string{out.wire()};
}

TEST(HeaderPolicy, OnlyListedRequestHeadersGoUpstream) {
    auto const wire = request({{"Content-Type", "application/json"},
                               {"Authorization", "Bearer sk-client"},
                               {"Cookie", "a=b"},
                               {"x-api-key", "sk-client"},
                               {"api-key", "sk-client"},
                               {"OpenAI-Organization", "org-1"},
                               {"OpenAI-Project", "proj-1"},
                               {"X-Forwarded-For", "10.0.0.1"},
                               {"X-Sluice-Mock", "status=500"},
                               {"OpenAI-Beta", "x=1"}});
    EXPECT_EQ(wire, "Content-Type: application/json\r\nOpenAI-Beta: x=1\r\n");
}

TEST(HeaderPolicy, FieldsNamedByConnectionAreHopByHop) {
    EXPECT_EQ(request({{"Connection", "close, openai-beta"}, {"OpenAI-Beta", "x"}}), "");
}

TEST(HeaderPolicy, OfANameThatStandsTwiceTheFirstIsForwarded) {
    EXPECT_EQ(request({{"Content-Type", "application/json"}, {"Content-Type", "text/evil"}}),
              "Content-Type: application/json\r\n");
    EXPECT_EQ(request({{"Connection", "close"}, {"Connection", "accept"}, {"Accept", "x"}}), "");
}

TEST(HeaderPolicy, AHeaderOfTheProvidersConfigReplacesTheCallers) {
    HeaderBlock fixed;
    fixed.add("user-agent", "fixed/1");
    EXPECT_EQ(request({{"User-Agent", "curl"}, {"Accept", "x"}}, false, fixed), "Accept: x\r\n");
}

TEST(HeaderPolicy, TheMockTakesItsInstructions) {
    EXPECT_EQ(request({{"x-sluice-mock", "status=500"}}, true), "x-sluice-mock: status=500\r\n");
}

TEST(HeaderPolicy, AnswerHeadersThatNameTheOrganisationStay) {
    std::vector<Field> const fields = {{"content-type", "text/event-stream"},
                                       {"openai-organization", "secret-org"},
                                       {"set-cookie", "a=b"},
                                       {"x-ratelimit-remaining-tokens", "7"},
                                       {"transfer-encoding", "chunked"},
                                       {"content-encoding", "gzip"},
                                       {"x-request-id", "req_1"}};
    HeaderBlock out;
    forward_answer_headers(HeaderView{fields}, out, false);
    EXPECT_EQ(out.wire(),
              "content-type: text/event-stream\r\nx-upstream-ratelimit-remaining-tokens: 7\r\n"
              "x-request-id: req_1\r\n");
}

TEST(HeaderPolicy, RateLimitsOfTheAccountGetAnotherName) {
    std::vector<Field> const fields = {{"X-RateLimit-Remaining-Requests", "1"},
                                       {"anthropic-ratelimit-tokens-limit", "2"},
                                       {"RateLimit", "3"},
                                       {"ratelimit-policy", "4"},
                                       {"x-upstream-ratelimit-forged", "5"},
                                       {"x-rate", "6"},
                                       {"retry-after", "7"}};
    HeaderBlock out;
    forward_answer_headers(HeaderView{fields}, out, false);
    EXPECT_EQ(out.wire(),
              "x-upstream-RateLimit-Remaining-Requests: 1\r\n"
              "x-upstream-anthropic-ratelimit-tokens-limit: 2\r\n"
              "x-upstream-RateLimit: 3\r\nx-upstream-ratelimit-policy: 4\r\nretry-after: 7\r\n");
}

struct RetryRow {
    std::vector<Field> fields;
    std::int64_t ms;
};

TEST(HeaderPolicy, ReadsRetryAfterInEachForm) {
    constexpr std::int64_t now = 1'793'000'000;  // Mon, 26 Oct 2026 07:33:20 GMT
    for (auto const& row :
         {RetryRow{{{"retry-after", "2"}}, 2000},
          RetryRow{{{"retry-after-ms", "150"}, {"retry-after", "9"}}, 150},
          RetryRow{{{"retry-after", "1.5"}}, 2000}, RetryRow{{{"retry-after", "-3"}}, 0},
          RetryRow{{{"retry-after", "soon"}}, 0},
          RetryRow{{{"retry-after", "99999999999"}}, 86'400'000},
          RetryRow{{{"retry-after", "Mon, 26 Oct 2026 07:33:25 GMT"}}, 5000},
          RetryRow{{{"retry-after", "Mon, 26 Oct 2026 07:33:00 GMT"}}, 0}, RetryRow{{}, 0}}) {
        EXPECT_EQ(retry_after_ms(HeaderView{row.fields}, now), row.ms)
            << (row.fields.empty() ? "none" : row.fields.front().value);
    }
}

}  // namespace
}  // namespace sluice::engine
