#include "endpoint/admin/usage.hpp"

#include <algorithm>

#include "net/server_stream.hpp"
#include "store/usage/report_text.hpp"

namespace sluice::endpoint {
namespace {

constexpr std::size_t parameters_max = 200;
constexpr seconds answer_within{60};

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

Result<std::string> decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        bool const is_whole = i + 2 < text.size();
        int const high = is_whole ? hex_digit(text[i + 1]) : -1;
        int const low = is_whole ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            return client_error(ErrorCode::invalid_request, 400,
                                "The query string has a % that is no escape; write %25 for a %.");
        }
        out += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return out;
}

Result<store::UsageQuery> read_question(http::RequestHead const& head) {
    auto parameters = read_query_string(head.query);
    if (!parameters) return std::move(parameters).error();
    bool has_format = false;
    for (auto const& [name, value] : *parameters) has_format = has_format || name == "format";
    if (!has_format && http::has_token(head.headers.get("accept"), "text/csv")) {
        parameters->emplace_back("format", "csv");
    }
    return store::read_usage_query(*parameters);
}

AdminAnswer to_answer(store::UsageReport const& report) {
    AdminAnswer answer;
    answer.body = store::to_text(report, report.query.format);
    if (report.query.format == store::UsageFormat::csv) {
        answer.content_type = "text/csv; charset=utf-8";
    } else if (report.query.format == store::UsageFormat::table) {
        answer.content_type = "text/plain; charset=utf-8";
    }
    return answer;
}

Async<AdminAnswer> answer_usage(Exchange& x, net::Offload& offload, UsageSource source) {
    auto query = read_question(x.client.head());
    if (!query) co_return std::move(query).error();
    std::function<Result<AdminAnswer>()> work = [source = std::move(source),
                                                 query = std::move(*query)]() mutable {
        auto report = source(std::move(query));
        if (!report) return Result<AdminAnswer>{std::move(report).error()};
        return Result<AdminAnswer>{to_answer(*report)};
    };
    auto answer = co_await offload.run<AdminAnswer>(std::move(work), x.client.cancel(),
                                                    Deadline::in(answer_within));
    co_return answer;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> read_query_string(std::string_view query) {
    std::vector<std::pair<std::string, std::string>> parameters;
    while (!query.empty()) {
        auto const end = std::min(query.find('&'), query.size());
        auto const part = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        if (part.empty()) continue;
        if (parameters.size() == parameters_max) {
            return client_error(ErrorCode::invalid_request, 400, "At most 200 parameters.");
        }
        auto const equals = std::min(part.find('='), part.size());
        auto name = decode(part.substr(0, equals));
        if (!name) return std::move(name).error();
        auto value = decode(part.substr(std::min(equals + 1, part.size())));
        if (!value) return std::move(value).error();
        parameters.emplace_back(std::move(*name), std::move(*value));
    }
    return parameters;
}

AdminPage::Make usage_page(net::Offload& offload, UsageSource source) {
    return [&offload, source = std::move(source)](Exchange& x) {
        return answer_usage(x, offload, source);
    };
}

}  // namespace sluice::endpoint
