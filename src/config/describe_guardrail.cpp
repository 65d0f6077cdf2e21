// The description of `guardrails`, and of the places where they are attached. See describe.hpp.
#include "config/describe.hpp"
#include "config/names.hpp"
#include "guard/pattern.hpp"

namespace sluice::config {
namespace {

constexpr std::int64_t hold_least = 64;
constexpr std::int64_t hold_most = 64 * 1024;
constexpr std::size_t pattern_bytes_max = 1000;

// `held`: what a stream holds back, and it has to fit into; 0: it is not held back.
void check_pattern(Reader& reader, Node const& node, std::string const& pattern,
                   std::int64_t held) {
    auto const made = guard::make_pattern(pattern);
    if (!made) return reader.error(node.place, made.error().message);
    auto const facts = guard::measure_pattern(pattern);
    if (!facts) return reader.error(node.place, facts.error().message);
    if (held == 0) return;
    auto const limit = std::to_string(held);
    if (!facts->width_max) {
        return reader.error(
            node.place,
            "can match a text of any length, which cannot be held back in a "
            "stream; bound it, as in [a-z]{1,40} for [a-z]+, or scan only requests");
    }
    if (static_cast<std::int64_t>(*facts->width_max) > held) {
        reader.error(node.place, "can match up to " + std::to_string(*facts->width_max) +
                                     " bytes, and hold_bytes_max is " + limit +
                                     "; bound it more, or hold more");
    }
}

void check_guardrail(Reader& reader, Node const& node, Guardrail& out) {
    if (node.kind != Node::Kind::map) return;
    if (out.detect.empty() && out.patterns.empty()) {
        reader.error(out.place, "looks for nothing; say what under detect or patterns");
    }
    auto const* listed = node.find("patterns");
    if (listed == nullptr || listed->value->kind != Node::Kind::sequence) return;
    bool const is_held = out.scans("response") && out.action != guard::Action::flag;
    auto const held = is_held ? out.hold_bytes_max : 0;
    auto const& items = listed->value->items;
    for (std::size_t i = 0; i < items.size() && i < out.patterns.size(); ++i) {
        Reader::Step const step(reader, "patterns[" + std::to_string(i) + "]");
        if (!out.patterns[i].empty()) check_pattern(reader, *items[i], out.patterns[i], held);
    }
}

Binding<std::string> describe_pattern() {
    return text("a regular expression",
                [](std::string const& pattern) -> std::optional<std::string> {
                    if (pattern.empty()) return "must not be empty";
                    if (pattern.size() > pattern_bytes_max) return "is longer than 1000 bytes";
                    return std::nullopt;
                });
}

std::vector<std::string> detectors() {
    auto const names = guard::detector_names();
    return {names.begin(), names.end()};
}

Binding<Guardrail> describe_guardrail() {
    using guard::Action, guard::OnOverflow, guard::OnUnscannable;
    return Described<Guardrail>("guardrails.*",
                                "What is looked for in texts, and what becomes of it. It applies "
                                "where it is attached: server.defaults, routes, teams and keys.")
        .field("scan", &Guardrail::scan, list(one_of({"request", "response"}), 1, 2),
               "Which way: what callers send, what models answer.")
        .field("detect", &Guardrail::detect, list(one_of(detectors()), 0, 32),
               "Detectors: docs/reference/guardrails.md.")
        .field("patterns", &Guardrail::patterns, list(describe_pattern(), 0, 200),
               "Regular expressions (PCRE2) of your own; `(?i)` ignores case. With `block` or "
               "`redact` on responses each must have a greatest length within `hold_bytes_max`.")
        .field("action", &Guardrail::action,
               choice<Action>(
                   {{"block", Action::block}, {"redact", Action::redact}, {"flag", Action::flag}}),
               "`block` refuses with 400 (a stream that has begun ends as the dialect ends a "
               "filtered one), `redact` puts `[EMAIL_1]` in its place, `flag` tells of it in the "
               "answer's header, the metrics and the record.")
        .field("hold_bytes_max", &Guardrail::hold_bytes_max, integer(hold_least, hold_most),
               "How much of a stream's channel may be held back while it may still become a match.")
        .field("on_overflow", &Guardrail::on_overflow,
               choice<OnOverflow>({{"block", OnOverflow::block}, {"pass", OnOverflow::pass}}),
               "What may still become a match and is longer than that: `block` ends the answer, "
               "`pass` lets it go on unchecked, counted.")
        .field("on_unscannable", &Guardrail::on_unscannable,
               choice<OnUnscannable>(
                   {{"pass", OnUnscannable::pass}, {"reject", OnUnscannable::reject}}),
               "What cannot be read (images, audio, files, tokens in place of text): `pass`, "
               "counted, or `reject` with 400.")
        .afterwards(check_guardrail)
        .done();
}

}  // namespace

Binding<std::vector<Guardrail>> describe_guardrails() {
    return named<Guardrail>({"guardrail name", &Guardrail::name, check_name, name_pattern},
                            describe_guardrail(), guard::GuardBook::guards_max);
}

Binding<std::vector<GuardrailRef>> describe_guardrail_refs() {
    auto const name = text("a guardrail's name", check_name, name_pattern);
    Binding<GuardrailRef> entry;
    entry.shape = name.shape;
    entry.read = [read = name.read](Reader& reader, Node const& node, GuardrailRef& out) {
        read(reader, node, out.name);
        out.where = reader.path();
        out.place = node.place;
    };
    entry.show = entry.print = [](GuardrailRef const& ref) { return Json(ref.name); };
    return list(entry, 0, guard::GuardBook::guards_max);
}

}  // namespace sluice::config
