#include "engine/route.hpp"

#include <gtest/gtest.h>

namespace sluice::engine {
namespace {

RouteTable table(std::initializer_list<char const*> names) {
    RouteTable routes;
    for (auto const* name : names) {
        Route route;
        route.name = name;
        routes.add(std::move(route));
    }
    routes.seal();
    return routes;
}

struct Row {
    char const* model;
    char const* route;  // null = none
};

TEST(RouteTable, ExactBeatsGlobAndALongerPrefixBeatsAShorter) {
    auto const routes = table({"gpt-*", "gpt-4o-*", "gpt-4o-mini", "*-embed", "llama"});
    for (auto const& row :
         {Row{"gpt-4o-mini", "gpt-4o-mini"}, Row{"gpt-4o-2024", "gpt-4o-*"}, Row{"gpt-5", "gpt-*"},
          Row{"nomic-embed", "*-embed"}, Row{"gpt-embed", "gpt-*"}, Row{"llama", "llama"},
          Row{"llama3", nullptr}, Row{"", nullptr}}) {
        auto const* found = routes.match(row.model);
        if (!row.route) {
            EXPECT_EQ(found, nullptr) << row.model;
        } else {
            ASSERT_NE(found, nullptr) << row.model;
            EXPECT_EQ(found->name, row.route) << row.model;
        }
    }
}

TEST(RouteTable, AStarMatchesNothingToo) {
    auto const routes = table({"gpt-*"});
    EXPECT_NE(routes.match("gpt-"), nullptr);
    EXPECT_EQ(routes.match("gpt"), nullptr);
}

TEST(RetryPolicy, CoversWhatItSays) {
    RetryPolicy policy;
    policy.on_connect = true;
    policy.on_timeout = false;
    policy.on_reset = true;
    policy.on_status.set(429);
    auto const error = [](ErrorCode code, std::uint16_t status) {
        return upstream_error(code, Retry::same, status, "");
    };
    EXPECT_TRUE(policy.covers(error(ErrorCode::upstream_connect, 502), 502));
    EXPECT_FALSE(policy.covers(error(ErrorCode::upstream_timeout, 504), 504));
    EXPECT_TRUE(policy.covers(error(ErrorCode::upstream_reset, 502), 502));
    EXPECT_TRUE(policy.covers(error(ErrorCode::upstream_rate_limited, 429), 429));
    EXPECT_FALSE(policy.covers(error(ErrorCode::upstream_server_error, 503), 503));
    policy.on_status.set(500);
    EXPECT_TRUE(policy.covers(error(ErrorCode::upstream_server_error, 502), 500))
        << "by the provider's own status, not by what the caller is told";
    EXPECT_TRUE(policy.covers(error(ErrorCode::upstream_rate_limited, 429), 200))
        << "a fault inside a 200";
}

}  // namespace
}  // namespace sluice::engine
