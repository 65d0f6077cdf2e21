// docs/reference/config.md. See schema.hpp.
#include <set>

#include "config/describe.hpp"
#include "config/schema.hpp"

namespace sluice::config {
namespace {

constexpr char const* intro = R"(# Configuration

<!-- Made from src/config/describe*.cpp; a test compares. To rewrite it: SLUICE_REWRITE=1 unit_config. -->

`--config` takes a file, or a directory whose `*.yaml` files are merged (by name; hidden files and
sub-directories are left out; a name that two files define is an error with both places). Everything that is
wrong is told at once, each with `file:line:column` and the nearest name that is known. Not accepted: unknown
settings, a key that stands twice, merge keys (`<<`), tags, tabs in the indentation, several documents in a
file. Plain aliases (`*name`) are fine. An editor can check as you type: `config/schema/sluice.schema.json`.

## References and secrets

- `${NAME}` inside any value is the environment variable; one that is not set is an error. `${NAME:-default}`
  has a default, also for an empty variable. `$$` is a dollar sign.
- A secret may also be `file:/path`: the content of the file, its last line end cut off. A relative path begins
  at the file that says it. A file that cannot be read is an error.
- The credential of a provider is the exception: a variable that is not set makes it unavailable, which is told
  at start, and is no error.
- No message, log or answer shows a secret.

Certificates, keys and authorities (`tls`) are PEM files by their path; a relative one begins at the working
directory. They are read with the configuration, so `check` tells a file that is missing, of another kind, or a key
that does not belong to its certificate.

## Names and patterns

A route's name is the model name callers use, exact or with one `*` anywhere. An exact name beats a glob, longer
text before the `*` beats shorter; two globs that match the same name and of which neither is longer are an
error. A target is `provider` (the caller's model name goes through) or `provider/model`; the provider is what
stands before the first `/`. Where models are listed for teams and keys, names and globs of the same form work,
and each must meet a route.

## The mock

A provider of `kind: mock` is a trial mode, not a fallback. While no other provider is available (each needs a
credential and has none), it answers every model. As soon as one is, a route that goes to the mock is an error,
unless it says `allow_mock: true`. The key `sk-sluice-trial` is accepted on loopback listeners only.

## Environment

`SLUICE_LISTEN` overrides the addresses of the listeners (one for each, comma separated),
`SLUICE_ADMIN_LISTEN` that of the admin listener (`off`: none). A kind names the variable that is looked for when
a provider has no `keys`; see the list of kinds at the end.

`OTEL_EXPORTER_OTLP_ENDPOINT` (and `..._TRACES_ENDPOINT`, `..._HEADERS`, `..._TIMEOUT`, `..._CERTIFICATE`, each also in
its `TRACES` form), `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` stand in for what `telemetry.traces` leaves out;
see [observe](../guide/observe.md).

`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (also in lower case) hold for providers without `egress_proxy`.
Providers on loopback (`localhost`, `127.0.0.0/8`, `::1`) are always reached directly, whatever these say; only an
`egress_proxy` of their own changes that.

)";

std::string type_text(Shape const& shape) {
    using Type = Shape::Type;
    switch (shape.type) {
        case Type::boolean:
            return "`true` or `false`";
        case Type::integer:
            return std::to_string(shape.least) + " to " + std::to_string(shape.most);
        case Type::fraction:
            return "0 to 1";
        case Type::text: {
            if (shape.choices.empty()) return shape.says;
            std::string out;
            for (auto const& word : shape.choices) out += (out.empty() ? "`" : ", `") + word + "`";
            return out;
        }
        case Type::object:
            return "see `" + shape.title + "`";
        case Type::list:
            return "list of: " + type_text(shape.parts.front());
        case Type::map:
            return "map: " + shape.says + " to " + type_text(shape.parts.front());
        case Type::forms: {
            std::string out;
            for (auto const& part : shape.parts) {
                out += (out.empty() ? "" : "; or ") + type_text(part);
            }
            return out;
        }
    }
    return "";
}

std::string in_cell(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2) text.insert(at, "\\");
    return text;
}

std::string fallback_text(Field const& field) {
    if (field.is_required) return "**required**";
    if (field.fallback.is_null() || field.fallback == "") return "";
    return "`" + field.fallback.dump() + "`";
}

// Every object below `shape`, depth first, each title once.
void append_objects(std::string& out, Shape const& shape, std::set<std::string>& seen) {
    if (shape.type == Shape::Type::object) {
        if (!seen.insert(shape.title).second) return;
        out += "## `" + shape.title + "`\n\n" + shape.doc + "\n\n";
        out += "| setting | value | default | |\n|---|---|---|---|\n";
        for (auto const& field : shape.fields) {
            out += "| `" + field.name + "` | " + in_cell(type_text(field.shape)) + " | " +
                   in_cell(fallback_text(field)) + " | " + in_cell(field.doc) + " |\n";
        }
        out += "\n";
        for (auto const& field : shape.fields) append_objects(out, field.shape, seen);
    }
    for (auto const& part : shape.parts) append_objects(out, part, seen);
}

void append_kinds(std::string& out) {
    std::vector<Problem> problems;
    out += "## Built-in provider kinds\n\n| kind | | base_url | credential |\n|---|---|---|---|\n";
    for (auto const& kind : read_kinds("", problems)) {
        auto const url = kind.base_url.empty() ? "yours, like `" + kind.base_url_example + "`"
                                               : "`" + kind.base_url + "`";
        auto const credential = kind.env.empty() ? "if it wants one" : "`" + kind.env + "`";
        out += "| `" + kind.name + "` | " + kind.title + " | " + url + " | " + credential + " |\n";
    }
    out += "| `mock` | answers in process | none | none |\n";
}

}  // namespace

std::string make_reference_page() {
    std::string out = intro;
    std::set<std::string> seen;
    append_objects(out, document_description().shape, seen);
    append_objects(out, kind_description().shape, seen);
    append_kinds(out);
    return out;
}

}  // namespace sluice::config
