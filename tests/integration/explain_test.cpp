// `routes explain` and the data path are one function: what it says of a thousand random routes is
// what the upstreams see.
#include "engine/explain.hpp"

#include <fmt/format.h>
#include <mutex>
#include <random>
#include <set>

#include "integration/fixture.hpp"

namespace sluice::test {
namespace {

constexpr int routes = 1000;
constexpr int providers = 8;

class Explain : public Integration {
  protected:
    // Some providers have no credential, some cannot chat.
    static bool is_without_credential(int provider) { return provider % 4 == 3; }
    static bool cannot_chat(int provider) { return provider == 5; }

    GatewayConfig random_config(std::mt19937& random) {
        GatewayConfig config;
        for (int p = 0; p < providers; ++p) {
            config.providers +=
                provider_line(fmt::format("p{}", p), upstream.url(fmt::format("/p{}", p)),
                              cannot_chat(p) ? "operations: [embed]" : "",
                              is_without_credential(p) ? "{none: {value: \"${UNSET}\"}}" : "");
        }
        for (int r = 0; r < routes; ++r) {
            config.routes += fmt::format("  r{}{}:\n    tiers:\n", r, r % 3 == 0 ? "-*" : "");
            for (auto tiers = 1 + random() % 4; tiers > 0; --tiers) {
                std::set<int> chosen;
                for (auto targets = 1 + random() % 4; targets > 0; --targets) {
                    chosen.insert(static_cast<int>(random() % providers));
                }
                std::string line;
                for (int const p : chosen) {
                    line += fmt::format("{}p{}/t{}: {}", line.empty() ? "" : ", ", p, random() % 3,
                                        1 + random() % 9);
                }
                config.routes += "      - {" + line + "}\n";
            }
        }
        config.routes =
            "  \"weights\":\n    tiers: [{p0/a: 6, p1/b: 3, p2/c: 1, p3/d: 5}]\n" + config.routes;
        config.defaults =
            "health: {failures_in_a_row: 0}, retry: {when: [5xx], attempts_max: 20, backoff_ms: 0, "
            "backoff_max_ms: 0}";
        return config;
    }
    std::shared_ptr<engine::Snapshot const> snapshot_of(GatewayConfig const& config) {
        config::LoadOptions options;
        options.env = [](std::string const&) { return std::nullopt; };
        options.is_trial_allowed = false;
        auto loaded = config::load_text(gateway->yaml(config), "x.yaml", options);
        EXPECT_TRUE(loaded.ok());
        auto built = daemon::build(loaded.document, runtime_, {});
        EXPECT_TRUE(built.ok());
        return *built;
    }
    static std::string name_of(engine::Target const& target, std::string const& asked) {
        return target.provider->name + "/" + (target.model.empty() ? asked : target.model);
    }
    static std::string seen_name(Received const& request) {
        auto const path = request.target().substr(1);
        return path.substr(0, path.find('/')) + "/" +
               nlohmann::json::parse(request.body)["model"].get<std::string>();
    }

    engine::Runtime runtime_;
};

// No target knows the model, so a request visits each of them once: tier by tier the upstream must
// see exactly those that explain() calls open.
TEST_F(Explain, AThousandRandomRoutesAreVisitedAsExplained) {
    std::mt19937 random{20260722};
    auto const config = random_config(random);
    start(config);
    compare_tokens = false;
    std::mutex mutex;
    std::vector<std::string> requests;
    upstream.answer_with([&](Received const& request) {
        std::lock_guard const lock(mutex);
        requests.push_back(seen_name(request));
        return Reply::error(404, "model_not_found", "x");
    });
    auto const snapshot = snapshot_of(config);
    engine::Dice dice{7};
    std::size_t seen = 0;
    std::size_t left_out = 0;
    std::size_t unservable = 0;
    RawClient client(gateway->port());
    for (int r = 0; r < routes; ++r) {
        auto const model = fmt::format("r{}{}", r, r % 3 == 0 ? "-any" : "");
        auto const explained =
            engine::explain(*snapshot, model, Operation::chat, nullptr, dice, Steady::now());
        client.send(to_wire(chat_request(chat_body(model))));
        count_request();
        auto const answer = client.read_answer();
        std::lock_guard const lock(mutex);
        if (!explained) {
            ++unservable;
            EXPECT_EQ(answer.status, explained.error().http_status) << model;
            EXPECT_EQ(requests.size(), seen) << model;
            continue;
        }
        EXPECT_EQ(answer.header("x-sluice-route"), explained->route->name);
        std::size_t open = 0;
        for (auto const& tier : explained->tiers) {
            std::multiset<std::string> expected;
            for (auto const& each : tier) {
                if (each.standing == engine::Standing::open) {
                    expected.insert(name_of(*each.target, model));
                } else {
                    ++left_out;
                }
            }
            std::multiset<std::string> visited;
            for (std::size_t i = 0; i < expected.size(); ++i) {
                ASSERT_LT(seen + open, requests.size()) << model;
                visited.insert(requests[seen + open++]);
            }
            EXPECT_EQ(visited, expected) << model;
        }
        EXPECT_EQ(open, explained->plan.targets.size());
        EXPECT_EQ(seen + open, requests.size()) << model << ": more were visited";
        seen = requests.size();
    }
    EXPECT_GT(left_out, 500U);
    EXPECT_GT(unservable, 10U);
    EXPECT_GT(seen, 1000U);
}

TEST_F(Explain, SharesAreThoseTheUpstreamsSee) {
    std::mt19937 random{1};
    auto const config = random_config(random);
    start(config);
    auto const snapshot = snapshot_of(config);
    engine::Dice dice{7};
    auto const explained =
        engine::explain(*snapshot, "weights", Operation::chat, nullptr, dice, Steady::now());
    ASSERT_TRUE(explained);
    constexpr int asked = 2000;
    RawClient client(gateway->port());
    auto const wire = to_wire(chat_request(chat_body("weights")));
    std::map<std::string, int> seen;
    for (int i = 0; i < asked; ++i) {
        client.send(wire);
        count_request();
        auto const answer = client.read_answer();
        ++seen[answer.header("x-sluice-provider").value_or("")];
    }
    for (auto const& each : explained->tiers[0]) {
        auto const share = static_cast<double>(seen[each.target->provider->name]) / asked;
        // Four standard deviations of 2,000 draws are below 0.045.
        EXPECT_NEAR(share, each.share, 0.045) << each.target->provider->name;
    }
    EXPECT_EQ(explained->tiers[0][3].standing, engine::Standing::no_credential);
    EXPECT_EQ(seen["p3"], 0);
}

}  // namespace
}  // namespace sluice::test
