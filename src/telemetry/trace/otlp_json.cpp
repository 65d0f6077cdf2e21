#include "telemetry/trace/otlp_json.hpp"

#include <algorithm>

#include "sluice/json.hpp"

#include "base/trace_context.hpp"
#include "telemetry/record_json.hpp"
#include "telemetry/surface.hpp"

namespace sluice::telemetry {
namespace {

constexpr std::size_t text_bytes_max = 256;
constexpr std::string_view schema_url = "https://opentelemetry.io/schemas/1.41.1";

enum Kind : int { kind_server = 2, kind_client = 3 };
enum Status : int { status_unset = 0, status_error = 2 };

// Integers of 64 bits are strings in OTLP's JSON.
std::string nanoseconds_of(Wall::time_point at) {
    auto const since = std::chrono::duration_cast<nanoseconds>(at.time_since_epoch()).count();
    return std::to_string(std::max<std::int64_t>(since, 0));
}

template <class Id>
std::string hex_of(Id const& id) {
    std::string text;
    append_hex(text, id);
    return text;
}

// Attributes one after the other; what is empty is left out.
class Attributes {
  public:
    explicit Attributes(json::Writer& out) : out_(out) { out_.key("attributes").begin_array(); }

    void text(std::string_view name, std::string_view value) {
        if (value.empty()) return;
        begin(name).member("stringValue", value.substr(0, text_bytes_max));
        end();
    }
    void integer(std::string_view name, std::int64_t value) {
        begin(name).member("intValue", std::string_view{std::to_string(value)});
        end();
    }
    void positive(std::string_view name, std::int64_t value) {
        if (value > 0) integer(name, value);
    }
    void flag(std::string_view name, bool value) {
        if (!value) return;
        begin(name).member("boolValue", true);
        end();
    }
    void seconds_of(std::string_view name, microseconds value) {
        if (value <= microseconds{0}) return;
        begin(name).member("doubleValue", static_cast<double>(value.count()) / 1e6);
        end();
    }
    void texts(std::string_view name, std::string_view only) {
        begin(name).key("arrayValue").begin_object().key("values").begin_array();
        out_.begin_object().member("stringValue", only.substr(0, text_bytes_max)).end_object();
        out_.end_array().end_object();
        end();
    }
    void done() { out_.end_array(); }

  private:
    json::Writer& begin(std::string_view name) {
        return out_.begin_object().member("key", name).key("value").begin_object();
    }
    void end() { out_.end_object().end_object(); }

    json::Writer& out_;
};

void begin_span(json::Writer& out, UsageRecord const& record, SpanId const& span,
                SpanId const& parent, Kind kind, std::string_view name) {
    out.begin_object();
    out.member("traceId", std::string_view{hex_of(record.trace.trace)});
    out.member("spanId", std::string_view{hex_of(span)});
    if (is_set(parent)) out.member("parentSpanId", std::string_view{hex_of(parent)});
    if (!record.trace.state.empty()) {
        out.member("traceState", std::string_view{record.trace.state});
    }
    out.member("flags", 1);
    out.member("name", name.substr(0, text_bytes_max));
    out.member("kind", static_cast<int>(kind));
}

void write_times(json::Writer& out, Wall::time_point from, microseconds length) {
    auto const to = from + std::max(length, microseconds{0});
    out.member("startTimeUnixNano", std::string_view{nanoseconds_of(from)});
    out.member("endTimeUnixNano", std::string_view{nanoseconds_of(to)});
}

void end_span(json::Writer& out, bool is_error, std::string_view message) {
    out.key("status").begin_object();
    if (is_error) {
        out.member("code", static_cast<int>(status_error)).member("message", message);
    } else {
        out.member("code", static_cast<int>(status_unset));
    }
    out.end_object().end_object();
}

void append_usage(Attributes& attributes, llm::Usage const& usage) {
    attributes.positive("gen_ai.usage.input_tokens", usage.input);
    attributes.positive("gen_ai.usage.output_tokens", usage.output);
    attributes.positive("gen_ai.usage.cache_read.input_tokens", usage.cache_read);
    attributes.positive("gen_ai.usage.cache_creation.input_tokens", usage.cache_write);
    attributes.positive("gen_ai.usage.reasoning.output_tokens", usage.reasoning);
}

// A span of an HTTP server is an error from 500 on; what the caller did wrong is not the server's.
void append_request(json::Writer& out, UsageRecord const& record) {
    auto const surface = find_surface(record.surface);
    std::string name{surface.method.empty() ? "HTTP" : surface.method};
    if (!surface.path.empty()) name.append(" ").append(surface.path);
    auto const& trace = record.trace;
    begin_span(out, record, trace.span, trace.parent, kind_server, name);
    write_times(out, record.at, record.total);
    Attributes attributes{out};
    attributes.text("http.request.method", surface.method);
    attributes.text("http.route", surface.path);
    attributes.positive("http.response.status_code", record.status);
    attributes.positive("http.request.body.size", static_cast<std::int64_t>(record.bytes_in));
    attributes.positive("http.response.body.size", static_cast<std::int64_t>(record.bytes_out));
    attributes.text("error.type", record.error_code);
    attributes.text("gen_ai.operation.name", surface.operation);
    attributes.text("gen_ai.request.model", record.model_asked);
    attributes.text("sluice.request.id", record.id.view());
    attributes.text("sluice.route", record.route);
    attributes.text("sluice.org", record.org);
    attributes.text("sluice.team", record.team);
    attributes.text("sluice.key", record.key);
    attributes.text("sluice.error.origin", record.error_origin);
    attributes.positive("sluice.attempts", static_cast<std::int64_t>(record.attempts.size()));
    attributes.seconds_of("sluice.time_to_first_token", record.first_token);
    attributes.flag("sluice.client_gone", record.client_gone);
    attributes.done();
    bool const is_error =
        record.status >= 500 || (!record.error_code.empty() && record.error_origin != "client");
    end_span(out, is_error, record.error_code);
}

void append_attempt(json::Writer& out, UsageRecord const& record, AttemptRecord const& attempt) {
    auto const operation = find_surface(record.surface).operation;
    std::string const name = std::string{operation}.append(" ").append(attempt.model);
    begin_span(out, record, attempt.span, record.trace.span, kind_client, name);
    write_times(out, record.at + attempt.started, attempt.total);
    bool const is_answered = attempt.outcome == "answered";
    Attributes attributes{out};
    attributes.text("gen_ai.operation.name", operation);
    attributes.text("gen_ai.provider.name",
                    attempt.system.empty() ? attempt.provider : attempt.system);
    attributes.text("gen_ai.request.model", attempt.model);
    attributes.flag("gen_ai.request.stream", record.streamed);
    attributes.text("gen_ai.response.model", attempt.response_model);
    if (!attempt.finish_reason.empty()) {
        attributes.texts("gen_ai.response.finish_reasons", attempt.finish_reason);
    }
    attributes.seconds_of("gen_ai.response.time_to_first_chunk", attempt.first_byte);
    append_usage(attributes, attempt.usage);
    attributes.text("server.address", attempt.server_address);
    attributes.positive("server.port", attempt.server_port);
    attributes.positive("http.response.status_code", attempt.status);
    if (!is_answered) attributes.text("error.type", attempt.outcome);
    attributes.text("sluice.provider", attempt.provider);
    attributes.text("sluice.credential", attempt.credential);
    attributes.flag("sluice.usage.estimated", attempt.estimated);
    if (attempt.cost) attributes.integer("sluice.cost_pico_usd", *attempt.cost);
    attributes.done();
    // A caller who hangs up is nobody's error here.
    end_span(out, !is_answered && !record.client_gone, attempt.outcome);
}

}  // namespace

std::size_t append_spans(std::string& out, UsageRecord const& record) {
    json::Writer writer{std::move(out)};  // puts the commas between them
    append_request(writer, record);
    for (auto const& attempt : record.attempts) append_attempt(writer, record, attempt);
    out = writer.take();
    return 1 + record.attempts.size();
}

std::string to_export_request(std::string_view service_name,
                              std::map<std::string, std::string> const& resource,
                              std::string_view version, std::string_view spans) {
    json::Writer out;
    out.begin_object().key("resourceSpans").begin_array().begin_object();
    out.key("resource").begin_object();
    Attributes attributes{out};
    attributes.text("service.name", service_name);
    attributes.text("service.version", version);
    for (auto const& [name, value] : resource) attributes.text(name, value);
    attributes.done();
    out.end_object();
    out.key("scopeSpans").begin_array().begin_object();
    out.key("scope").begin_object();
    out.member("name", "sluice").member("version", version);
    out.end_object();
    out.key("spans").raw("[" + std::string{spans} + "]");
    out.member("schemaUrl", schema_url);
    out.end_object().end_array();
    out.member("schemaUrl", schema_url);
    out.end_object().end_array().end_object();
    return out.take();
}

}  // namespace sluice::telemetry
