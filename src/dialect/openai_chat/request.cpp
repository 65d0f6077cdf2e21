// One walk, no early exit: everything is validated, the governed members are noted on the way.
#include "dialect/openai_chat/request.hpp"

#include <algorithm>
#include <charconv>

#include "dialect/common/inner_once.hpp"
#include "dialect/common/request_walk.hpp"

namespace sluice::dialect::openai {

namespace {

constexpr std::uint32_t choices_max = 128;
constexpr std::size_t metadata_members_max = 16;
constexpr std::size_t metadata_name_bytes_max = 64;
constexpr std::size_t metadata_value_bytes_max = 128;

// Members of the root that sluice governs or whose inside it governs: each at most once.
enum class Member : std::uint8_t {
    other,
    model,
    stream,
    stream_options,
    max_tokens,
    max_completion_tokens,
    n,
    user,
    tools,
    functions,
    messages,
    system,
    input,
    prompt,
    metadata,
    best_of,
};

Member member_of(std::string_view name) noexcept {
    switch (name.size()) {
        case 1:
            return name == "n" ? Member::n : Member::other;
        case 4:
            return name == "user" ? Member::user : Member::other;
        case 5:
            if (name == "model") return Member::model;
            if (name == "tools") return Member::tools;
            return name == "input" ? Member::input : Member::other;
        case 6:
            if (name == "stream") return Member::stream;
            if (name == "system") return Member::system;
            return name == "prompt" ? Member::prompt : Member::other;
        case 7:
            return name == "best_of" ? Member::best_of : Member::other;
        case 8:
            if (name == "messages") return Member::messages;
            return name == "metadata" ? Member::metadata : Member::other;
        case 9:
            return name == "functions" ? Member::functions : Member::other;
        case 10:
            return name == "max_tokens" ? Member::max_tokens : Member::other;
        case 14:
            return name == "stream_options" ? Member::stream_options : Member::other;
        case 21:
            return name == "max_completion_tokens" ? Member::max_completion_tokens : Member::other;
        default:
            return Member::other;
    }
}

// At most `bytes_max`, between two characters.
void cut(std::string& text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return;
    auto end = bytes_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text.resize(end);
}

class RequestWalk {
  public:
    explicit RequestWalk(std::string_view body) : body_(body), scan_(body) {}

    Result<RequestFacts> run();

  private:
    bool walk();
    bool read_member(Member member);
    bool read_model();
    bool read_stream();
    bool read_stream_options();
    bool read_include_usage();
    bool read_limit(std::string_view name);
    bool read_choices();
    bool read_best_of();
    bool read_prompt();
    bool read_user();
    bool read_tools(std::string_view name);
    bool read_metadata();

    bool read_integer(std::string_view name, std::string_view advice,
                      std::optional<std::int64_t>& out);
    bool skip_null() { return scan_.skip_value(1); }
    bool refuse(std::string_view name, std::string_view advice);
    [[nodiscard]] Span span_from(std::size_t from) const {
        return {static_cast<std::uint32_t>(from),
                static_cast<std::uint32_t>(scan_.offset() - from)};
    }

    std::string_view body_;
    JsonScanner scan_;
    RequestFacts facts_;
    std::uint32_t best_of_ = 1;
    std::uint32_t prompts_ = 1;
    std::string complaint_;  // a wrong type or value; told after the walk, if the JSON is right
    std::uint32_t seen_ = 0;
};

Result<RequestFacts> RequestWalk::run() {
    if (auto begun = begin_request(body_, scan_); !begun) return std::move(begun).error();
    if (!walk() || !scan_.expect_end()) return broken_request(scan_);
    if (!complaint_.empty()) return wrong_request(std::move(complaint_));
    if (facts_.model_value.length == 0) {
        return wrong_request("\"model\" is missing; add \"model\": \"<name of a model>\"");
    }
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    facts_.answers = static_cast<std::uint32_t>(
        std::min(most, std::uint64_t{prompts_} * std::max(facts_.choices, best_of_)));
    return std::move(facts_);
}

bool RequestWalk::walk() {
    if (!scan_.enter('{')) return false;
    facts_.first_member = static_cast<std::uint32_t>(scan_.offset());
    facts_.root_is_empty = true;
    JsonString raw;
    JsonKey key;
    for (bool first = true; scan_.next_key(raw, first);) {
        facts_.root_is_empty = false;
        key.set(raw);
        auto const member = member_of(key.name());
        if (member != Member::other) {
            auto const bit = std::uint32_t{1} << static_cast<unsigned>(member);
            if ((seen_ & bit) != 0) return scan_.fail_twice(raw.inner());
            seen_ |= bit;
        }
        if (!read_member(member)) return false;
    }
    return !scan_.failed();
}

bool RequestWalk::read_member(Member member) {
    switch (member) {
        case Member::other:
            return scan_.skip_value(1);
        case Member::model:
            return read_model();
        case Member::stream:
            return read_stream();
        case Member::stream_options:
            return read_stream_options();
        case Member::max_tokens:
            return read_limit("max_tokens");
        case Member::max_completion_tokens:
            return read_limit("max_completion_tokens");
        case Member::n:
            return read_choices();
        case Member::best_of:
            return read_best_of();
        case Member::user:
            return read_user();
        case Member::metadata:
            return read_metadata();
        case Member::tools:
            return read_tools("tools");
        case Member::functions:
            return read_tools("functions");
        case Member::messages:
            if (scan_.peek() != JsonKind::array) {
                return refuse("messages", "must be an array of message objects");
            }
            [[fallthrough]];
        case Member::system:
        case Member::input:
            return scan_.skip_value(1, InnerOnce{});
        case Member::prompt:
            return read_prompt();
    }
    return false;
}

bool RequestWalk::read_model() {
    auto const from = scan_.offset();
    if (scan_.peek() != JsonKind::string) {
        return refuse("model", "must be a string with the name of a model");
    }
    JsonString text;
    if (!scan_.read_string(text)) return false;
    text.decode_to(facts_.model);
    facts_.model_value = span_from(from);
    if (!facts_.model.empty()) return true;
    complaint_ = "\"model\" is empty; write the name of a model";
    return true;
}

bool RequestWalk::read_stream() {
    auto const kind = scan_.peek();
    if (kind != JsonKind::true_ && kind != JsonKind::false_ && kind != JsonKind::null) {
        return refuse("stream", "must be true or false");
    }
    facts_.stream = kind == JsonKind::true_;
    return scan_.skip_value(1);
}

bool RequestWalk::read_stream_options() {
    auto const from = scan_.offset();
    auto const kind = scan_.peek();
    if (kind != JsonKind::object && kind != JsonKind::null) {
        return refuse("stream_options", "must be an object such as {\"include_usage\": true}");
    }
    if (kind == JsonKind::null) {
        if (!scan_.skip_value(1)) return false;
        facts_.stream_options = span_from(from);
        return true;
    }
    if (!scan_.enter('{')) return false;
    JsonString raw;
    JsonKey key;
    for (bool first = true; scan_.next_key(raw, first);) {
        ++facts_.stream_options_members;
        key.set(raw);
        if (key.name() == "include_usage") {
            if (facts_.include_usage) return scan_.fail_twice(raw.inner());
            if (!read_include_usage()) return false;
        } else if (!scan_.skip_value(2)) {
            return false;
        }
    }
    facts_.stream_options = span_from(from);
    return !scan_.failed();
}

bool RequestWalk::read_include_usage() {
    auto const from = scan_.offset();
    auto const kind = scan_.peek();
    facts_.wants_usage = kind == JsonKind::true_;
    if (kind != JsonKind::true_ && kind != JsonKind::false_ && kind != JsonKind::null) {
        complaint_ = "\"stream_options.include_usage\" must be true or false";
    }
    if (!scan_.skip_value(2)) return false;
    facts_.include_usage = span_from(from);
    return true;
}

bool RequestWalk::read_limit(std::string_view name) {
    std::optional<std::int64_t> value;
    auto const from = scan_.offset();
    if (!read_integer(name, "must be an integer such as 1024", value)) return false;
    if (!value || *value < 0) facts_.open_output_limits.push_back(span_from(from));
    // Below zero means "no limit" to some servers: nothing to reckon with.
    if (value && *value >= 0) {
        facts_.max_output_tokens = std::max(*value, facts_.max_output_tokens.value_or(0));
    }
    return true;
}

bool RequestWalk::read_choices() {
    constexpr std::string_view advice = "must be an integer from 1 to 128";
    std::optional<std::int64_t> value;
    if (!read_integer("n", advice, value)) return false;
    if (!value) return true;
    if (*value < 1 || *value > choices_max) {
        complaint_ = "\"n\" " + std::string{advice};
        return true;
    }
    facts_.choices = static_cast<std::uint32_t>(*value);
    return true;
}

// Of completions: so many are made, n of them are sent. What it may be is the provider's to say.
bool RequestWalk::read_best_of() {
    std::optional<std::int64_t> value;
    if (scan_.peek() != JsonKind::number) return scan_.skip_value(1);
    if (!read_integer("best_of", "must be an integer", value)) return false;
    if (value && *value > 1) {
        best_of_ = static_cast<std::uint32_t>(
            std::min<std::int64_t>(*value, std::numeric_limits<std::int32_t>::max()));
    }
    return true;
}

// A list of texts, or of lists of token ids, is as many prompts; a list of token ids is one.
bool RequestWalk::read_prompt() {
    if (scan_.peek() != JsonKind::array) return scan_.skip_value(1, InnerOnce{});
    std::uint32_t prompts = 0;
    if (!scan_.enter('[')) return false;
    for (bool first = true; scan_.next_element(first);) {
        if (scan_.peek() != JsonKind::number) ++prompts;
        if (!scan_.skip_value(2, InnerOnce{})) return false;
    }
    prompts_ = std::max<std::uint32_t>(prompts, 1);
    return !scan_.failed();
}

bool RequestWalk::read_user() {
    auto const kind = scan_.peek();
    if (kind == JsonKind::null) return skip_null();
    if (kind != JsonKind::string) return refuse("user", "must be a string");
    JsonString text;
    if (!scan_.read_string(text)) return false;
    text.decode_to(facts_.user);
    return true;
}

bool RequestWalk::read_tools(std::string_view name) {
    auto const kind = scan_.peek();
    if (kind == JsonKind::null) return skip_null();
    if (kind != JsonKind::array) return refuse(name, "must be an array of tools");
    auto const from = scan_.offset();
    if (!scan_.skip_value(1, InnerOnce{})) return false;
    auto inside = scan_.since(from + 1);
    inside.remove_suffix(1);
    if (inside.find_first_not_of(" \t\r\n") != std::string_view::npos) facts_.has_tools = true;
    return true;
}

// For sluice's own tags; it goes on as it is, whatever it is.
bool RequestWalk::read_metadata() {
    if (scan_.peek() != JsonKind::object) return scan_.skip_value(1);
    if (!scan_.enter('{')) return false;
    JsonString raw;
    for (bool first = true; scan_.next_key(raw, first);) {
        bool const is_kept = facts_.metadata.size() < metadata_members_max &&
                             raw.inner().size() <= metadata_name_bytes_max &&
                             scan_.peek() == JsonKind::string;
        if (!is_kept) {
            if (!scan_.skip_value(2)) return false;
            continue;
        }
        JsonString value;
        if (!scan_.read_string(value)) return false;
        auto text = value.decoded();
        cut(text, metadata_value_bytes_max);
        facts_.metadata.emplace_back(raw.decoded(), std::move(text));
    }
    return !scan_.failed();
}

// null reads as absent. An integer beyond 64 bits is refused like any other wrong value.
bool RequestWalk::read_integer(std::string_view name, std::string_view advice,
                               std::optional<std::int64_t>& out) {
    auto const kind = scan_.peek();
    if (kind == JsonKind::null) return skip_null();
    if (kind != JsonKind::number) return refuse(name, advice);
    auto const from = scan_.offset();
    if (!scan_.skip_number()) return false;
    auto const text = scan_.since(from);
    std::int64_t value = 0;
    auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && stop == text.data() + text.size()) {
        out = value;
    } else {
        complaint_ = "\"" + std::string{name} + "\" " + std::string{advice};
    }
    return true;
}

// The walk goes on: broken JSON further on is the more telling error.
bool RequestWalk::refuse(std::string_view name, std::string_view advice) {
    if (complaint_.empty()) complaint_ = "\"" + std::string{name} + "\" " + std::string{advice};
    return scan_.skip_value(1, InnerOnce{});
}

}  // namespace

Result<RequestFacts> read_request(std::string_view body) { return RequestWalk(body).run(); }

Patches patch_streaming(RequestFacts const& facts, std::string_view body,
                        std::string_view upstream_model, bool ask_usage) {
    auto patches = patch_model(facts, body, upstream_model, ask_usage);
    if (!ask_usage || !facts.stream || facts.wants_usage) return patches;
    Patch patch;
    if (!facts.stream_options) {
        patch = {facts.first_member, 0, "\"stream_options\":{\"include_usage\":true}"};
        if (!facts.root_is_empty) patch.replacement += ',';
    } else if (body[facts.stream_options->offset] != '{') {
        patch = {facts.stream_options->offset, facts.stream_options->length,
                 "{\"include_usage\":true}"};
    } else if (facts.include_usage) {
        patch = {facts.include_usage->offset, facts.include_usage->length, "true"};
    } else {
        patch = {facts.stream_options->offset + 1, 0, "\"include_usage\":true"};
        if (facts.stream_options_members > 0) patch.replacement += ',';
    }
    bool const is_last = patches.empty() || patch.offset > patches.front().offset;
    patches.insert(is_last ? patches.end() : patches.begin(), std::move(patch));
    return patches;
}

Patches patch_output_max(RequestFacts const& facts, std::string_view name, std::int64_t tokens) {
    Patches patches;
    for (auto const& value : facts.open_output_limits) {
        patches.push_back({value.offset, value.length, std::to_string(tokens)});
    }
    if (!patches.empty()) return patches;
    std::string member;
    json::append_string(member, name);
    member.append(":").append(std::to_string(tokens)).append(",");  // "model" follows at least
    patches.push_back({facts.first_member, 0, std::move(member)});
    return patches;
}

}  // namespace sluice::dialect::openai
