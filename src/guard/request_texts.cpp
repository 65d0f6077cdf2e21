#include "guard/request_texts.hpp"

#include <array>

#include "base/json_text.hpp"
#include "codec/json_walk.hpp"

namespace sluice::guard {
namespace {

using codec::JsonKey;
using codec::JsonKind;
using codec::JsonScanner;
using codec::JsonString;

// Members that are names, ids or settings wherever they stand.
bool is_no_text(std::string_view name) noexcept {
    constexpr std::string_view names[] = {"type",
                                          "role",
                                          "id",
                                          "tool_call_id",
                                          "tool_use_id",
                                          "signature",
                                          "media_type",
                                          "cache_control",
                                          "encrypted_content",
                                          "encrypted_index",
                                          "file_id",
                                          "call_id",
                                          "detail",
                                          "format"};
    for (auto const known : names) {
        if (name == known) return true;
    }
    return false;
}

// The same, in the root: who asks, and of what.
bool is_setting(std::string_view name) noexcept {
    constexpr std::string_view names[] = {"model",
                                          "user",
                                          "metadata",
                                          "service_tier",
                                          "stream",
                                          "tool_choice",
                                          "safety_identifier",
                                          "prompt_cache_key",
                                          "modalities",
                                          "reasoning_effort",
                                          "encoding_format",
                                          "prompt_cache_retention"};
    for (auto const known : names) {
        if (name == known) return true;
    }
    return false;
}

// Values that are JSON of somebody else's: every string and number in them is a text.
bool is_any_json(std::string_view name, std::size_t depth) noexcept {
    return (name == "input" && depth > 1) || name == "arguments" || name == "parameters" ||
           name == "input_schema" || name == "schema";
}

std::string_view inner(std::string_view quoted) noexcept {
    return quoted.substr(1, quoted.size() - 2);
}

bool is_data_url(std::string_view text) noexcept {
    return text.starts_with("data:") && text.substr(0, 256).find(";base64,") != text.npos;
}

class BodyWalk {
  public:
    BodyWalk(GuardRun& run, std::string_view body, Patches& patches)
        : run_(run), body_(body), patches_(patches), scan_(body) {}

    Outcome run() {
        scan_.skip_space();
        bool const passed = object(1);
        if (!run_.blocked) return passed ? Outcome::pass : give_up();
        run_.blocked->place = path();
        return Outcome::blocked;
    }

  private:
    // It has been read before, so it can be read.
    Outcome give_up() {
        run_.block(run_.set.request.guards.front(), {}, false, true);
        return Outcome::blocked;
    }

    // Each: false when blocked or broken. `depth`: containers around the members.
    bool object(std::size_t depth) {
        if (!scan_.enter('{')) return false;
        JsonString raw;
        JsonKey key;
        for (bool first = true; scan_.next_key(raw, first);) {
            key.set(raw);
            Step const step(*this, key.name());
            if (!member(key.name(), depth)) return false;
        }
        return !scan_.failed();
    }

    bool array(std::string_view name, std::size_t depth) {
        if (!scan_.enter('[')) return false;
        int at = 0;
        for (bool first = true; scan_.next_element(first); ++at) {
            Step const step(*this, at);
            if (!value(name, depth + 1)) return false;
        }
        return !scan_.failed();
    }

    bool member(std::string_view name, std::size_t depth) {
        if (is_no_text(name) || (depth == 1 && is_setting(name))) return scan_.skip_value(depth);
        auto const kind = scan_.peek();
        bool const is_container = kind == JsonKind::object || kind == JsonKind::array;
        if (is_container && is_any_json(name, depth)) return whole(TextKind::json);
        if (kind == JsonKind::object && name == "source") return source();
        if (name == "input_audio" && is_container) return skip_unscannable();
        if (name == "file_data") return skip_unscannable();
        return value(name, depth);
    }

    bool value(std::string_view name, std::size_t depth) {
        switch (scan_.peek()) {
            case JsonKind::object:
                return object(depth + 1);
            case JsonKind::array:
                return array(name, depth);
            case JsonKind::string: {
                JsonString text;
                if (!scan_.read_string(text)) return false;
                if (is_data_url(text.inner())) return unscannable();
                auto const kind = name == "arguments" ? TextKind::arguments : TextKind::text;
                return guard_value(run_, Way::request, text.quoted, kind, body_.data(), patches_) ==
                       Outcome::pass;
            }
            case JsonKind::number:
                // Tokens in place of a text.
                if ((name == "input" || name == "prompt") && !tokens_are_noted_) {
                    tokens_are_noted_ = true;
                    if (!unscannable()) return false;
                }
                return scan_.skip_value(depth);
            default:
                return scan_.skip_value(depth);
        }
    }

    // Of an image or document: base64, or a text or URL.
    bool source() {
        auto const from = scan_.offset();
        if (!scan_.skip_value(1)) return false;
        auto const json = scan_.since(from);
        JsonScanner inside(json);
        if (!inside.enter('{')) return false;
        JsonString raw, type;
        JsonKey key;
        for (bool first = true; inside.next_key(raw, first);) {
            key.set(raw);
            bool const is_type = key.name() == "type" && inside.peek() == JsonKind::string;
            if (!(is_type ? inside.read_string(type) : inside.skip_value(2))) return false;
        }
        if (!type.quoted.empty() && type.inner() == "base64") return unscannable();
        return guard_value(run_, Way::request, json, TextKind::json, body_.data(), patches_) ==
               Outcome::pass;
    }

    bool whole(TextKind kind) {
        auto const from = scan_.offset();
        if (!scan_.skip_value(1)) return false;
        return guard_value(run_, Way::request, scan_.since(from), kind, body_.data(), patches_) ==
               Outcome::pass;
    }

    bool skip_unscannable() { return scan_.skip_value(1) && unscannable(); }
    bool unscannable() { return note_unscannable(run_, Way::request) == Outcome::pass; }

    // Where the walk is: kept while it goes on, told when it stops.
    class Step {
      public:
        Step(BodyWalk& walk, std::string_view name) : walk_(walk) {
            if (walk_.depth_ < walk_.path_.size()) walk_.path_[walk_.depth_] = known(name);
            if (walk_.depth_ < walk_.index_.size()) walk_.index_[walk_.depth_] = -1;
            ++walk_.depth_;
        }
        Step(BodyWalk& walk, int index) : walk_(walk) {
            if (walk_.depth_ < walk_.index_.size()) walk_.index_[walk_.depth_] = index;
            ++walk_.depth_;
        }
        ~Step() {
            if (!walk_.run_.blocked) --walk_.depth_;
        }
        Step(Step const&) = delete;
        Step& operator=(Step const&) = delete;

      private:
        BodyWalk& walk_;
    };

    // Names that sluice knows may be told; others are the caller's own words.
    static std::string_view known(std::string_view name) noexcept {
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

    [[nodiscard]] std::string path() const {
        std::string out;
        for (std::size_t i = 0; i < depth_ && i < path_.size(); ++i) {
            if (index_[i] >= 0) {
                out += '[';
                append_number(out, index_[i]);
                out += ']';
            } else {
                out.append(out.empty() ? "" : ".").append(path_[i]);
            }
        }
        return out;
    }

    GuardRun& run_;
    std::string_view body_;
    Patches& patches_;
    JsonScanner scan_;
    std::array<std::string_view, 16> path_{};
    std::array<int, 16> index_{};
    std::size_t depth_ = 0;
    bool tokens_are_noted_ = false;
};

void add_patch(std::string_view value, std::size_t from, std::size_t to, std::string text,
               char const* origin, Patches& patches) {
    auto const offset = static_cast<std::uint32_t>(value.data() + from - origin);
    patches.push_back({offset, static_cast<std::uint32_t>(to - from), std::move(text)});
}

}  // namespace

Outcome note_unscannable(GuardRun& run, Way way) {
    ++run.unscannable;
    auto const& rules = run.set.of(way);
    if (!rules.rejects_unscannable) return Outcome::pass;
    run.block(rules.rejecting_guard, {}, false, true);
    return Outcome::blocked;
}

Outcome guard_value(GuardRun& run, Way way, std::string_view value, TextKind kind,
                    char const* origin, Patches& patches) {
    std::vector<Replacement> found;
    if (kind == TextKind::json || value.front() != '"') {
        if (find(run, way, {}, value, Syntax::json, found) == Outcome::blocked) {
            return Outcome::blocked;
        }
        for (auto& one : found)
            add_patch(value, one.from, one.to, std::move(one.text), origin, patches);
        return Outcome::pass;
    }
    auto const syntax = kind == TextKind::arguments ? Syntax::json : Syntax::text;
    auto const text = inner(value);
    Normalised decoded;
    bool const is_plain = text.find('\\') == text.npos;
    if (!is_plain) decode_json(text, decoded);
    auto const plain = is_plain ? text : std::string_view{decoded.text};
    if (find(run, way, {}, plain, syntax, found) == Outcome::blocked) return Outcome::blocked;
    for (auto& one : found) {
        auto const from = is_plain ? one.from : decoded.source_begin(one.from);
        auto const to = is_plain ? one.to : decoded.source_end(one.to - 1);
        std::string escaped;
        append_json_escaped(escaped, one.text);
        add_patch(text, from, to, std::move(escaped), origin, patches);
    }
    return Outcome::pass;
}

Outcome guard_body(GuardRun& run, std::string_view body, Patches& patches) {
    return BodyWalk(run, body, patches).run();
}

}  // namespace sluice::guard
