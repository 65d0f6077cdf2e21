// See fixture.hpp.
#include "integration/fixture.hpp"

#include <algorithm>
#include <set>

namespace sluice::test {

void Integration::TearDown() {
    if (!gateway) return;
    EXPECT_TRUE(gateway->wait_until_quiet()) << "in flight at the end";
    auto const records = all_records();
    EXPECT_EQ(records.size(), sent) << "requests sent and records differ";
    EXPECT_TRUE(upstream.wait_for_open(0)) << upstream.open_now() << " upstream sockets left";
    std::set<std::string> ids;
    std::int64_t input = 0;
    std::int64_t output = 0;
    for (auto const& record : records) {
        ids.insert(record.at("id").get<std::string>());
        for (auto const& attempt : record.at("attempts")) {
            auto const& usage = attempt.at("usage");
            if (!usage.at("reported").get<bool>()) continue;
            input += usage.at("input").get<std::int64_t>();
            output += usage.at("output").get<std::int64_t>();
        }
    }
    EXPECT_EQ(ids.size(), records.size()) << "an id was used twice";
    if (compare_tokens) {
        EXPECT_EQ(input, upstream.input_tokens());
        EXPECT_EQ(output, upstream.output_tokens());
    }
}

Answer Integration::ask(Request const& request, milliseconds within) {
    ++sent;
    return fetch(gateway->port(), request, within);
}

std::unique_ptr<RawClient> Integration::begin(Request const& request, int receive_buffer) {
    ++sent;
    auto client = std::make_unique<RawClient>(gateway->port(), receive_buffer);
    client->send(to_wire(request));
    return client;
}

nlohmann::json Integration::last_record() {
    auto const records = gateway->wait_for_records(sent);
    if (records.empty()) return nlohmann::json::object();
    return *std::max_element(records.begin(), records.end(), [](auto const& a, auto const& b) {
        return a.at("id").template get<std::string>() < b.at("id").template get<std::string>();
    });
}

std::vector<nlohmann::json> Integration::all_records() {
    gateway->stop();
    return gateway->records();
}

std::string error_code(Answer const& answer) {
    auto const body = nlohmann::json::parse(answer.body, nullptr, false);
    if (!body.is_object() || !body.contains("error")) return "";
    return body["error"].value("code", nlohmann::json("")).is_string()
               ? body["error"]["code"].get<std::string>()
               : "";
}

std::string error_message(Answer const& answer) {
    auto const body = nlohmann::json::parse(answer.body, nullptr, false);
    if (!body.is_object() || !body.contains("error")) return "";
    return body["error"].value("message", "");
}

}  // namespace sluice::test
