// The top of the description: the document and storage. See describe.hpp.
#include "config/describe.hpp"

#include "config/names.hpp"

namespace sluice::config {
namespace {

// "feature", or "feature=search".
std::optional<std::string> check_limited_tag(std::string const& text) {
    auto const name = text.substr(0, text.find('='));
    if (name == "*" || check_tag_name(name)) {
        return "must be a tag's name, or name=value: lower-case letters, digits, '_', '-', '.'";
    }
    return std::nullopt;
}

Binding<Retention> describe_retention() {
    constexpr int days_most = 36'500;
    return Described<Retention>("storage.retention",
                                "How long usage is kept. Sums per day are kept for ever.")
        .field("rows_days", &Retention::rows_days, small_integer(0, days_most),
               "Days that single requests stay in `sluice.db`; 0: for ever. Older days can be "
               "asked for as whole days only.")
        .field("ledger_days", &Retention::ledger_days, small_integer(0, days_most),
               "Days that ledger files stay, from their last record on; 0: for ever. The database "
               "cannot be made again from files that are gone.")
        .done();
}

Binding<Storage> describe_storage() {
    return Described<Storage>("storage", "Where sluice keeps what it writes.")
        .field("dir", &Storage::dir, text("a directory"),
               "The ledger and later state; made when missing, relative to the working directory.")
        .field("retention", &Storage::retention, describe_retention(), "How long usage is kept.")
        .done();
}

Binding<Ledger> describe_ledger() {
    using OnFailure = Ledger::OnFailure;
    using Sync = Ledger::Sync;
    return Described<Ledger>("ledger",
                             "The files of usage records: docs/reference/ledger.md. Read at start.")
        .field("rotate_bytes_max", &Ledger::rotate_bytes_max,
               integer(64 * 1024, 64LL * 1024 * 1024 * 1024),
               "A file that has grown to this is closed and the next begun.")
        .field("rotate_hours", &Ledger::rotate_hours, small_integer(1, 24 * 366),
               "So is one of this age.")
        .field("spill_dir", &Ledger::spill_dir, text("a directory"),
               "Where records go while the ledger cannot be written; best on another disk. Empty: "
               "a private directory below the system's temporary one.")
        .field(
            "on_failure", &Ledger::on_failure,
            choice<OnFailure>({{"serve", OnFailure::serve}, {"refuse", OnFailure::refuse}}),
            "While neither can be written: `serve` requests whose records may be lost, or `refuse` "
            "them with 503.")
        .field("sync", &Ledger::sync,
               choice<Sync>({{"never", Sync::never}, {"interval", Sync::interval}}),
               "`never`: records survive a kill of the process; on power loss those of the last "
               "half minute may be gone. `interval`: forced to the medium every sync_ms.")
        .field("sync_ms", &Ledger::sync_ms, integer(10, 60'000),
               "What power loss may cost with `sync: interval`, beside the last 100 ms.")
        .done();
}

}  // namespace

Binding<Tags> describe_tags() {
    return Described<Tags>("tags",
                           "What requests may be told apart by in the usage figures: from the "
                           "header `x-sluice-tags: name=value, ...` and OpenAI's `metadata`.")
        .field("names", &Tags::names, list(text("a tag's name, or *", check_tag_name), 0, 100),
               "The tags that are kept; `\"*\"`: any. Others are left out.")
        .field("from_metadata", &Tags::from_metadata, boolean(),
               "Also from the request's `metadata`.")
        .field("values_max", &Tags::values_max, integer(1, 1'000'000),
               "Different values of one tag that a worker keeps apart from its start; later ones "
               "are recorded as `(other)`.")
        .field("users_max", &Tags::users_max, integer(1, 10'000'000),
               "The same for the end user (`user`).")
        .field("limits", &Tags::limits,
               describe_named_limits("tag, or tag=value", check_limited_tag),
               "Limits by tag: `feature` gives each of its values a limit of its own, "
               "`feature=search` is of that one value.")
        .done();
}

// `limits` is first: others name its classes. `server` next: routes start from its defaults. Then
// providers before the routes that name them.
Binding<Document> const& document_description() {
    static Binding<Document> const description =
        Described<Document>("the file", "Everything may be left out.")
            .field("limits", &Document::limits, describe_limit_classes(),
                   "Classes of limits by name; elsewhere `limits` takes a name or a map.")
            .field("server", &Document::server, describe_server(), "Where clients connect.")
            .field("admin", &Document::admin, describe_admin(), "Where operators connect.")
            .field("providers", &Document::providers, describe_providers(),
                   "Where models are: name -> provider.")
            .field("routes", &Document::routes, describe_routes(),
                   "Public model name -> where it goes.")
            .field("keys", &Document::teams, describe_teams(), "Who may call: team -> its keys.")
            .field("prices", &Document::prices, describe_prices(),
                   "provider/model -> what it costs, over the built-in price lists.")
            .field("guardrails", &Document::guardrails, describe_guardrails(),
                   "What is looked for in requests and answers: name -> guardrail.")
            .field("tags", &Document::tags, describe_tags(), "What usage is told apart by.")
            .field("storage", &Document::storage, describe_storage(), "What is written where.")
            .field("ledger", &Document::ledger, describe_ledger(), "Usage records.")
            .field("telemetry", &Document::telemetry, describe_telemetry(), "Logs and traces.")
            .afterwards([](Reader& reader, Node const&, Document& out) {
                take_otel_environment(reader, out.telemetry.traces);
            })
            .done();
    return description;
}

}  // namespace sluice::config
