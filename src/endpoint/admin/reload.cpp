#include "endpoint/admin/reload.hpp"

#include <fmt/format.h>

#include "sluice/json.hpp"

namespace sluice::endpoint {
namespace {

using Outcome = ReloadReport::Outcome;

void write_reasons(json::Writer& out, char const* name,
                   std::vector<ReloadReport::Reason> const& reasons) {
    out.key(name).begin_array();
    for (auto const& reason : reasons) {
        out.begin_object().member("message", reason.message);
        if (!reason.file.empty()) out.member("file", reason.file);
        if (reason.line > 0) out.member("line", reason.line).member("column", reason.column);
        out.end_object();
    }
    out.end_array();
}

void write_texts(json::Writer& out, char const* name, std::vector<std::string> const& texts) {
    out.key(name).begin_array();
    for (auto const& text : texts) out.string(text);
    out.end_array();
}

struct Refusal {
    std::uint16_t status;
    char const* code;
    char const* message;
};

Refusal refusal_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::invalid:
            return {422, "config_invalid",
                    "The new configuration was refused; the old one stays in force. Mend every "
                    "reason, then reload again."};
        case Outcome::needs_restart:
            return {409, "config_needs_restart",
                    "The new configuration changes what cannot change while sluice runs, so none "
                    "of it was taken. Restart sluice, or put those settings back."};
        case Outcome::late:
            return {503, "config_late",
                    "The new configuration is valid and published, but not every worker has taken "
                    "it yet."};
        case Outcome::applied:
        case Outcome::unavailable:
            break;
    }
    return {503, "reload_unavailable",
            "This process does not reload: it has no file to load, or is shutting down."};
}

}  // namespace

AdminAnswer to_answer(ReloadReport const& report) {
    json::Writer out;
    out.begin_object();
    AdminAnswer answer;
    if (report.outcome != Outcome::applied) {
        auto const refusal = refusal_of(report.outcome);
        answer.status = refusal.status;
        out.key("error").begin_object().member("message", refusal.message);
        out.member("type", refusal.status < 500 ? "invalid_request_error" : "server_error");
        out.key("param").null().member("code", refusal.code).end_object();
    }
    out.member("applied", report.is_applied()).member("version", report.version);
    if (!report.reasons.empty()) write_reasons(out, "reasons", report.reasons);
    if (report.is_applied()) {
        write_texts(out, "changed", report.changed);
        write_texts(out, "files", report.files);
        write_reasons(out, "warnings", report.warnings);
    }
    out.end_object();
    answer.body = out.take() + "\n";
    return answer;
}

std::string to_text(ReloadReport::Reason const& reason) {
    if (reason.file.empty()) return reason.message;
    if (reason.line <= 0) return fmt::format("{}: {}", reason.file, reason.message);
    return fmt::format("{}:{}:{}: {}", reason.file, reason.line, reason.column, reason.message);
}

}  // namespace sluice::endpoint
