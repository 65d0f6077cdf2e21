#include "guard/request_texts.hpp"

#include <algorithm>
#include <array>

#include "sluice/blocks.hpp"

#include "base/json_text.hpp"
#include "codec/json_walk.hpp"
#include "guard/value_scan.hpp"

namespace sluice::guard {
namespace {

using codec::JsonKey;
using codec::JsonKind;
using codec::JsonScanner;
using codec::JsonString;

// Names by their length: only those as long as the one that is asked for are compared.
template <std::size_t N>
class NameSet {
  public:
    consteval explicit NameSet(std::array<std::string_view, N> names) : names_(names) {
        std::sort(names_.begin(), names_.end(), [](std::string_view a, std::string_view b) {
            return a.size() != b.size() ? a.size() < b.size() : a < b;
        });
        for (std::size_t size = 0; size < first_.size(); ++size) {
            first_[size] = static_cast<std::uint8_t>(
                std::count_if(names_.begin(), names_.end(),
                              [size](std::string_view name) { return name.size() < size; }));
        }
    }

    [[nodiscard]] bool has(std::string_view name) const noexcept {
        if (name.size() > bytes_max) return false;
        for (std::size_t i = first_[name.size()]; i < first_[name.size() + 1]; ++i) {
            if (names_[i] == name) return true;
        }
        return false;
    }

  private:
    static constexpr std::size_t bytes_max = 30;

    std::array<std::string_view, N> names_;
    std::array<std::uint8_t, bytes_max + 2> first_{};  // by length: the first that is as long
};

// Members that are names, ids or settings wherever they stand.
constexpr NameSet no_text(std::to_array<std::string_view>({"type", "role", "id", "tool_call_id",
                                                           "tool_use_id", "signature", "media_type",
                                                           "cache_control", "encrypted_content",
                                                           "encrypted_index", "file_id", "call_id",
                                                           "detail", "format"}));
// The same, in the root: who asks, and of what.
constexpr NameSet settings(std::to_array<std::string_view>(
    {"model", "user", "metadata", "service_tier", "stream", "tool_choice", "safety_identifier",
     "prompt_cache_key", "modalities", "reasoning_effort", "encoding_format",
     "prompt_cache_retention"}));

// Values that are JSON of somebody else's: every string and number in them is a text.
bool is_any_json(std::string_view name, std::size_t depth) noexcept {
    return (name == "input" && depth > 1) || name == "arguments" || name == "parameters" ||
           name == "input_schema" || name == "schema";
}

bool is_data_url(std::string_view text) noexcept {
    return text.starts_with("data:") && text.substr(0, 256).find(";base64,") != text.npos;
}

// Names that sluice knows may be told; others are the caller's own words.
std::string_view told(std::string_view name) noexcept {
    constexpr std::string_view names[] = {"messages",      "content",      "text",
                                          "system",        "tools",        "functions",
                                          "function",      "description",  "parameters",
                                          "input",         "prompt",       "tool_calls",
                                          "arguments",     "source",       "data",
                                          "thinking",      "reasoning",    "refusal",
                                          "name",          "input_schema", "image_url",
                                          "url",           "suffix",       "instructions",
                                          "prediction",    "stop",         "response_format",
                                          "json_schema",   "schema",       "reasoning_content",
                                          "function_call", "title",        "context",
                                          "stop_sequences"};
    for (auto const one : names) {
        if (one == name) return one;
    }
    return "(member)";
}

// What the member is that a value belongs to, by its name.
enum class Named : std::uint8_t { other, arguments, prompt };

Named named(std::string_view name) noexcept {
    if (name == "arguments") return Named::arguments;
    return name == "input" || name == "prompt" ? Named::prompt : Named::other;
}

// Goes from one text of a body to the next.
class BodyWalk {
  public:
    BodyWalk(GuardRun& run, std::string_view body) : run_(run), scan_(body) {}

    enum class Next : std::uint8_t { text, end, more, blocked, broken };
    struct Text {
        std::string_view json;
        TextKind kind = TextKind::text;
    };

    // more: the budget is spent before a text was found.
    Next next(Text& out, Budget& budget) {
        if (!has_begun_ && !begin()) return Next::broken;
        while (!levels_.empty()) {
            if (budget.is_spent()) return Next::more;
            budget.take(step_bytes);
            auto& level = levels_.back();
            bool const is_on = level.is_array ? element(level, out) : member(level, out);
            if (run_.blocked) return Next::blocked;
            if (scan_.failed()) return Next::broken;
            if (!out.json.empty()) return Next::text;
            if (!is_on) levels_.pop_back();
        }
        return Next::end;
    }

    // Where the walk is.
    [[nodiscard]] std::string path() const {
        std::string out;
        for (std::size_t i = 0; i < levels_.size() && i < path_max; ++i) {
            auto const& level = levels_[i];
            if (level.is_array) {
                out += '[';
                append_number(out, level.index);
                out += ']';
            } else {
                JsonKey key;
                if (!level.name.quoted.empty()) key.set(level.name);
                out.append(out.empty() ? "" : ".").append(told(key.name()));
            }
        }
        return out;
    }

  private:
    static constexpr std::size_t path_max = 16;
    static constexpr std::size_t levels_at_first = 8;
    static constexpr std::size_t step_bytes = 32;  // what a member costs, as bytes looked at

    struct Level {
        bool is_array = false;
        bool first = true;
        Named named = Named::other;  // of an array: the member that it is
        int index = -1;              // of the element at hand
        JsonString name;             // of the member at hand
    };

    bool begin() {
        has_begun_ = true;
        scan_.skip_space();
        if (!scan_.enter('{')) return false;
        levels_.reserve(levels_at_first);
        levels_.push_back({});
        return true;
    }

    // Each: goes on by one, or says that nothing follows; opens a level, finds a text, or skips.
    bool element(Level& level, Text& out) {
        if (!scan_.next_element(level.first)) return false;
        ++level.index;
        value(level.named, out);
        return true;
    }

    bool member(Level& level, Text& out) {
        JsonString raw;
        if (!scan_.next_key(raw, level.first)) return false;
        JsonKey key;
        key.set(raw);
        auto const name = key.name();
        auto const depth = levels_.size();
        level.name = raw;
        auto const kind = scan_.peek();
        bool const is_container = kind == JsonKind::object || kind == JsonKind::array;
        if (no_text.has(name) || (depth == 1 && settings.has(name))) {
            scan_.skip_value(depth);
        } else if (is_container && is_any_json(name, depth)) {
            whole(out);
        } else if (kind == JsonKind::object && name == "source") {
            source(out);
        } else if ((name == "input_audio" && is_container) || name == "file_data") {
            if (scan_.skip_value(depth)) note_unscannable(run_, Way::request);
        } else {
            value(named(name), out);
        }
        return true;
    }

    void value(Named name, Text& out) {
        auto const depth = levels_.size();
        switch (scan_.peek()) {
            case JsonKind::object:
            case JsonKind::array: {
                bool const is_array = scan_.peek() == JsonKind::array;
                if (depth >= JsonScanner::depth_max) {
                    scan_.fail("values are nested too deeply");
                } else if (scan_.enter(is_array ? '[' : '{')) {
                    levels_.push_back({is_array, true, name, -1, {}});
                }
                return;
            }
            case JsonKind::string: {
                JsonString text;
                if (!scan_.read_string(text)) return;
                if (is_data_url(text.inner())) {
                    note_unscannable(run_, Way::request);
                    return;
                }
                out = {text.quoted,
                       name == Named::arguments ? TextKind::arguments : TextKind::text};
                return;
            }
            case JsonKind::number:
                // Tokens in place of a text.
                if (name == Named::prompt && !tokens_are_noted_) {
                    tokens_are_noted_ = true;
                    note_unscannable(run_, Way::request);
                }
                break;
            default:
                break;
        }
        scan_.skip_value(depth);
    }

    // Of an image or document: base64, or a text or URL.
    void source(Text& out) {
        auto const from = scan_.offset();
        if (!scan_.skip_value(levels_.size())) return;
        auto const json = scan_.since(from);
        JsonScanner inside(json);
        if (!inside.enter('{')) return;
        JsonString raw, type;
        JsonKey key;
        for (bool first = true; inside.next_key(raw, first);) {
            key.set(raw);
            bool const is_type = key.name() == "type" && inside.peek() == JsonKind::string;
            if (!(is_type ? inside.read_string(type) : inside.skip_value(2))) return;
        }
        if (!type.quoted.empty() && type.inner() == "base64") {
            note_unscannable(run_, Way::request);
        } else {
            out = {json, TextKind::json};
        }
    }

    void whole(Text& out) {
        auto const from = scan_.offset();
        if (scan_.skip_value(levels_.size())) out = {scan_.since(from), TextKind::json};
    }

    GuardRun& run_;
    JsonScanner scan_;
    BlockVector<Level> levels_;
    bool has_begun_ = false;
    bool tokens_are_noted_ = false;
};

}  // namespace

struct RequestScan::State : InBlock {
    State(GuardRun& its_run, std::string_view its_body, Patches& its_patches)
        : run(its_run),
          body(its_body),
          patches(its_patches),
          walk(its_run, its_body),
          value(its_run, Way::request) {}

    GuardRun& run;
    std::string_view body;
    Patches& patches;
    BodyWalk walk;
    ValueScan value;
    bool is_in_value = false;

    Progress blocked() {
        run.blocked->place = walk.path();
        return Progress::blocked;
    }
};

RequestScan::RequestScan(GuardRun& run, std::string_view body, Patches& patches)
    : state_(std::make_unique<State>(run, body, patches)) {}
RequestScan::~RequestScan() = default;

Progress RequestScan::step(Budget budget) {
    auto& s = *state_;
    for (;;) {
        if (!s.is_in_value) {
            BodyWalk::Text text;
            switch (s.walk.next(text, budget)) {
                case BodyWalk::Next::more:
                    return Progress::more;
                case BodyWalk::Next::end:
                    return Progress::done;
                case BodyWalk::Next::blocked:
                    return s.blocked();
                case BodyWalk::Next::broken:
                    // It has been read before, so it can be read.
                    s.run.block(s.run.set.request.guards.front(), {}, false, true);
                    return Progress::blocked;
                case BodyWalk::Next::text:
                    break;
            }
            s.value.begin(text.json, text.kind);
            s.is_in_value = true;
        }
        auto const progress = s.value.step(budget, s.body.data(), s.patches);
        if (progress == Progress::more) return progress;
        if (progress == Progress::blocked) return s.blocked();
        s.is_in_value = false;
    }
}

Outcome note_unscannable(GuardRun& run, Way way) {
    ++run.unscannable;
    auto const& rules = run.set.of(way);
    if (!rules.rejects_unscannable) return Outcome::pass;
    run.block(rules.rejecting_guard, {}, false, true);
    return Outcome::blocked;
}

Outcome guard_value(GuardRun& run, Way way, std::string_view value, TextKind kind,
                    char const* origin, Patches& patches) {
    ValueScan scan(run, way);
    scan.begin(value, kind);
    auto budget = Budget::unlimited();
    auto progress = Progress::more;
    while (progress == Progress::more) progress = scan.step(budget, origin, patches);
    return progress == Progress::done ? Outcome::pass : Outcome::blocked;
}

Outcome guard_body(GuardRun& run, std::string_view body, Patches& patches) {
    auto const progress = RequestScan(run, body, patches).step(Budget::unlimited());
    return progress == Progress::done ? Outcome::pass : Outcome::blocked;
}

}  // namespace sluice::guard
