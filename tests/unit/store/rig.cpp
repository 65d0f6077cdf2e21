#include "unit/store/rig.hpp"

#include <fmt/format.h>

#include "store/usage/report_text.hpp"

namespace sluice::store {

std::string attempt_json(A const& a) {
    return fmt::format(
        R"({{"provider":"{}","model":"{}","credential":"c","outcome":"answered","error_detail":"",)"
        R"("status":200,"usage":{{"input":{},"cache_read":1,"cache_write":2,"audio_input":3,)"
        R"("output":{},"reasoning":4,"audio_output":5,"reported":{}}},"estimated":{},)"
        R"("drained":false,"cost_pico_usd":{},"price":"p1","total_us":1000}})",
        a.provider, a.model, a.input, a.output, !a.estimated, a.estimated, a.cost);
}

Rig::Rig() {
    dir = (std::filesystem::temp_directory_path() /
           ("sluice_store_" + std::to_string(::getpid()) + "_" +
            testing::UnitTest::GetInstance()->current_test_info()->name()))
              .string();
    std::filesystem::remove_all(dir);
    std::filesystem::create_directories(dir + "/ledger");
}

std::string Rig::line(A a) {
    if (a.id.empty()) a.id = fmt::format("{:026}", ++next_id);
    auto& sequence = sequences[{a.run, a.worker}];
    sequence = a.sequence != 0 ? a.sequence : sequence + 1;
    return fmt::format(
        R"({{"schema":2,"id":"{}","run":"{}","worker":{},"sequence":{},"at":"{}","org":"default",)"
        R"("team":"{}","key":"{}","user":"{}","agent":"","tags":{},"surface":"chat.completions",)"
        R"("route":"{}","model_asked":"{}","status":200,"error_code":"{}","error_origin":"",)"
        R"("client_gone":{},"total_us":2000,"attempts":[{}]}})"
        "\n",
        a.id, a.run, a.worker, sequence, a.at, a.team, a.key, a.user, a.tags, a.route, a.route,
        a.error_code, a.client_gone, a.attempts.empty() ? attempt_json(a) : a.attempts);
}

void Rig::append(std::string const& file, std::string const& text) const {
    std::ofstream{path_of(file), std::ios::app | std::ios::binary} << text;
}

void Rig::record(std::vector<A> const& records, std::string const& file) {
    for (auto const& each : records) append(file, line(each));
}

std::unique_ptr<Projection> Rig::open() {
    auto opened = Projection::open(dir);
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
}

void Rig::project() {
    auto const done = open()->catch_up();
    ASSERT_TRUE(done) << done.error().message;
}

UsageReport Rig::usage(std::vector<std::pair<std::string, std::string>> const& parameters) {
    auto query = read_usage_query(parameters);
    if (!query) throw std::runtime_error(query.error().message);
    auto report = read_usage(dir, *query);
    if (!report) throw std::runtime_error(report.error().message);
    return std::move(*report);
}

Error Rig::usage_error(std::vector<std::pair<std::string, std::string>> const& parameters) {
    auto query = read_usage_query(parameters);
    if (!query) return query.error();
    auto report = read_usage(dir, *query);
    return report ? Error{} : report.error();
}

std::int64_t Rig::number(std::string const& sql) {
    auto database = Database::open(database_path(dir), Database::Mode::read);
    if (!database) throw std::runtime_error(database.error().message);
    auto found = database->number(sql);
    if (!found) throw std::runtime_error(found.error().message);
    return *found;
}

std::string summary(UsageReport const& report) {
    std::string text;
    for (auto const& group : report.groups) {
        for (std::size_t i = 0; i < group.values.size(); ++i) {
            text += (i == 0 ? "" : "/") + group.values[i];
        }
        for (auto const measure :
             {Measure::requests, Measure::input, Measure::output, Measure::cost}) {
            text += " " + to_digits(group.sums[measure]);
        }
        text += "\n";
    }
    return text;
}

}  // namespace sluice::store
