#include "dialect/openai_chat/read_chat.hpp"

#include "sluice/json.hpp"

#include "dialect/common/arguments.hpp"
#include "dialect/common/chat_walk.hpp"
#include "dialect/openai_chat/thought_detail.hpp"

namespace sluice::dialect::openai {
namespace {

using llm::Block;
using llm::BlockKind;
using llm::Message;
using llm::Role;
using llm::Source;
using llm::SourceKind;

constexpr std::string_view name_of_dialect = "openai_chat";

class ChatReader : private ChatWalk {
  public:
    explicit ChatReader(std::string_view body) : ChatWalk(body, name_of_dialect) {}

    Result<llm::Request> run() {
        return told(each_member(scan_, [this](std::string_view name) { return member(name); }));
    }

  private:
    bool member(std::string_view name) {
        auto& r = request_;
        if (name == "model") return take_text(scan_, r.model);
        if (name == "messages") return messages();
        if (name == "stream") return take_true(r.stream);
        if (name == "stream_options") return stream_options();
        if (name == "tools") return tools();
        if (name == "tool_choice") return tool_choice();
        if (name == "parallel_tool_calls") return take_bool(scan_, r.parallel_tools);
        if (name == "max_completion_tokens") return max_tokens(true);
        if (name == "max_tokens") return max_tokens(false);
        if (name == "temperature") return take_json_or_null(scan_, r.temperature);
        if (name == "top_p") return take_json_or_null(scan_, r.top_p);
        if (name == "top_k") return take_json_or_null(scan_, r.top_k);
        if (name == "stop") return stop();
        if (name == "response_format") return format();
        if (name == "reasoning_effort") return take_text(scan_, r.reasoning.effort);
        if (name == "user") return user(false);
        if (name == "safety_identifier") return user(true);
        if (name == "service_tier") return take_text(scan_, r.service_tier);
        if (name == "n") return choices();
        if (name == "cache_control") return take_json_or_null(scan_, r.cache_control);
        if (name == "thinking") return thinking();
        return extra(name);
    }

    bool stream_options() {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        return each_member(scan_, [this](std::string_view name) {
            if (name == "include_usage") return take_true(request_.wants_usage);
            return unplaced("stream_options", name);
        });
    }

    bool max_tokens(bool is_newer) {
        std::optional<std::int64_t> value;
        if (!take_integer(scan_, value)) return false;
        // Below zero means "no limit" to some servers.
        if (value && *value >= 0 && (is_newer || !request_.max_output_tokens)) {
            request_.max_output_tokens = value;
        }
        return true;
    }

    bool choices() {
        std::optional<std::int64_t> value;
        if (!take_integer(scan_, value)) return false;
        if (value && *value >= 1) request_.choices = static_cast<std::uint32_t>(*value);
        return true;
    }

    // There is one name of a user: `user` where both are given.
    bool user(bool is_newer) {
        auto& known = request_.user;
        llm::Text text;
        if (!take_text(scan_, text)) return false;
        if (!text.exists()) return true;
        bool const is_other = known.exists() && known.json != text.json;
        if (is_other) request_.unplaced.emplace_back("safety_identifier");
        if (!is_newer || !known.exists()) known = text;
        return true;
    }

    bool stop() {
        if (scan_.peek() == JsonKind::string) {
            return take_text(scan_, request_.stop.emplace_back());
        }
        return stop_list();
    }

    bool format() {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        auto& format = request_.format;
        return each_member(scan_, [&](std::string_view name) {
            if (name == "type") {
                llm::Text type;
                if (!take_text(scan_, type)) return false;
                format.kind = type.is("json_schema")   ? llm::FormatKind::json_schema
                              : type.is("json_object") ? llm::FormatKind::json_object
                              : type.is("text")        ? llm::FormatKind::text
                                                       : llm::FormatKind::unset;
                return true;
            }
            if (name != "json_schema" || scan_.peek() != JsonKind::object) {
                return unplaced("response_format", name);
            }
            return each_member(scan_, [&](std::string_view inner) {
                if (inner == "name") return take_text(scan_, format.name);
                if (inner == "schema") return take_json_or_null(scan_, format.schema);
                if (inner == "strict") return take_flag(scan_, format.strict);
                return unplaced("response_format.json_schema", inner);
            });
        });
    }

    bool tools() {
        if (scan_.peek() != JsonKind::array) return scan_.skip_value(0);
        return objects("each of \"tools\" must be an object", [this] {
            auto const from = scan_.offset();
            llm::Tool tool;
            llm::Text type;
            Noted noted;
            bool const ok = each_member(scan_, [&](std::string_view name) {
                if (name == "type") return take_text(scan_, type);
                if (name == "cache_control") return take_json_or_null(scan_, tool.cache_control);
                if (name == "function" && scan_.peek() == JsonKind::object) return function(tool);
                return note(noted, name);
            });
            if (!ok) return false;
            if (!type.is("function") && type.exists()) {
                tool.opaque = scan_.since(from);
            } else {
                place("tools[]", noted);
            }
            if (tool.opaque.empty() && !tool.name.exists()) {
                complaint_ = "each function in \"tools\" must have a name";
            }
            request_.tools.push_back(tool);
            return true;
        });
    }

    bool function(llm::Tool& tool) {
        return each_member(scan_, [&](std::string_view name) {
            if (name == "name") return take_text(scan_, tool.name);
            if (name == "description") return take_text(scan_, tool.description);
            if (name == "parameters") return take_json_or_null(scan_, tool.schema);
            if (name == "strict") return take_flag(scan_, tool.strict);
            if (name == "cache_control") return take_json_or_null(scan_, tool.cache_control);
            return unplaced("tools[].function", name);
        });
    }

    // {"mode", "tools"}: the mode is told, not which tools of all there are.
    bool allowed_tools() {
        auto& mode = request_.tool_mode;
        request_.unplaced.emplace_back("tool_choice.allowed_tools");
        return each_member(scan_, [&](std::string_view name) {
            if (name != "mode") return scan_.skip_value(0);
            llm::Text word;
            if (!take_text(scan_, word)) return false;
            mode = word.is("required") ? llm::ToolMode::required : llm::ToolMode::automatic;
            return true;
        });
    }

    bool tool_choice() {
        auto& mode = request_.tool_mode;
        if (scan_.peek() == JsonKind::string) {
            llm::Text word;
            if (!take_text(scan_, word)) return false;
            if (word.is("auto")) mode = llm::ToolMode::automatic;
            if (word.is("none")) mode = llm::ToolMode::none;
            if (word.is("required")) mode = llm::ToolMode::required;
            return true;
        }
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        return each_member(scan_, [&](std::string_view name) {
            if (name == "type") return scan_.skip_value(0);
            bool const is_object = scan_.peek() == JsonKind::object;
            if (name == "allowed_tools" && is_object) return allowed_tools();
            if (name != "function" || !is_object) return unplaced("tool_choice", name);
            mode = llm::ToolMode::named;
            return each_member(scan_, [&](std::string_view inner) {
                if (inner == "name") return take_text(scan_, request_.tool_name);
                return scan_.skip_value(0);
            });
        });
    }

    bool messages() {
        if (scan_.peek() != JsonKind::array) return refuse("\"messages\" must be an array");
        return objects("each of \"messages\" must be an object", [this] { return message(); });
    }

    // A message with its members in any order: parts are put together at its end.
    struct Parts {
        llm::Text role, name, tool_call_id;
        llm::Text reasoning;
        std::vector<Block> content, thoughts, calls;
        llm::Text refusal;
        std::string_view cache_control;
    };

    // Says where the prompt may be kept: the other dialect's mark of the same.
    bool breakpoint(Block& block) {
        std::string_view json;
        if (!take_json_or_null(scan_, json)) return false;
        bool const is_first = !json.empty() && block.cache_control.empty();
        if (is_first) block.cache_control = R"({"type":"ephemeral"})";
        return true;
    }

    bool message() {
        Parts parts;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "role") return take_text(scan_, parts.role);
            if (name == "content") return content(parts.content);
            if (name == "name") return take_text(scan_, parts.name);
            if (name == "tool_call_id") return take_text(scan_, parts.tool_call_id);
            if (name == "tool_calls") return tool_calls(parts.calls);
            if (name == "refusal") return take_text(scan_, parts.refusal);
            if (name == "reasoning_content") return take_text(scan_, parts.reasoning);
            if (name == "reasoning_details") return reasoning_details(parts.thoughts);
            if (name == "thinking_blocks") return thinking_blocks(parts.thoughts);
            if (name == "cache_control") return take_json_or_null(scan_, parts.cache_control);
            return unplaced("messages[]", name);
        });
        return ok && put_together(parts);
    }

    bool put_together(Parts& parts) {
        auto const& role = parts.role;
        bool const is_tool = role.is("tool");
        Message message;
        message.name = parts.name;
        if (role.is("system")) {
            message.role = Role::system;
        } else if (role.is("developer")) {
            message.role = Role::developer;
        } else if (role.is("assistant")) {
            message.role = Role::assistant;
        } else if (role.is("user") || is_tool) {
            message.role = Role::user;
        } else {
            complaint_ = "a message's \"role\" must be system, developer, user, assistant or tool";
            return true;
        }
        if (is_tool) {
            Block result;
            result.kind = BlockKind::tool_result;
            result.id = parts.tool_call_id;
            result.content = std::move(parts.content);
            result.cache_control = parts.cache_control;
            if (!result.id.exists()) complaint_ = "a message of role tool needs its tool_call_id";
            if (parts.name.exists()) place("messages[]", {"name"});
            add_tool_result(std::move(result));
            return true;
        }
        auto& blocks = message.blocks;
        blocks = std::move(parts.thoughts);
        if (blocks.empty() && !parts.reasoning.is_empty()) {
            Block thought;
            thought.kind = BlockKind::thought;
            thought.text = parts.reasoning;
            blocks.push_back(thought);
        }
        for (auto& block : parts.content) blocks.push_back(std::move(block));
        if (parts.refusal.exists() && !parts.refusal.is_empty()) {
            Block refusal;
            refusal.kind = BlockKind::refusal;
            refusal.text = parts.refusal;
            blocks.push_back(refusal);
        }
        for (auto& call : parts.calls) blocks.push_back(std::move(call));
        if (!parts.cache_control.empty() && !blocks.empty()) {
            blocks.back().cache_control = parts.cache_control;
        }
        request_.messages.push_back(std::move(message));
        return true;
    }

    // A run of tool messages is one turn.
    void add_tool_result(Block result) {
        bool const goes_on = !request_.messages.empty() &&
                             request_.messages.back().role == Role::user &&
                             !request_.messages.back().blocks.empty() &&
                             request_.messages.back().blocks.back().kind == BlockKind::tool_result;
        if (!goes_on) request_.messages.emplace_back();
        request_.messages.back().blocks.push_back(std::move(result));
    }

    bool content(std::vector<Block>& blocks) {
        if (scan_.peek() == JsonKind::string) return one_text(blocks);
        if (scan_.peek() != JsonKind::array) return scan_.skip_value(0);
        return objects("each part of a message's \"content\" must be an object",
                       [&] { return part(blocks); });
    }

    bool part(std::vector<Block>& blocks) {
        auto const from = scan_.offset();
        Block block;
        llm::Text type;
        Noted noted;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "type") return take_text(scan_, type);
            if (name == "text" || name == "refusal") return take_text(scan_, block.text);
            if (name == "cache_control") return take_json_or_null(scan_, block.cache_control);
            if (name == "image_url") return image_url(block);
            if (name == "input_audio") return input_audio(block);
            if (name == "file") return file(block);
            if (name == "prompt_cache_breakpoint") return breakpoint(block);
            return note(noted, name);
        });
        if (!ok) return false;
        if (type.is("text")) {
            block.kind = BlockKind::text;
        } else if (type.is("refusal")) {
            block.kind = BlockKind::refusal;
        } else if (type.is("image_url")) {
            block.kind = BlockKind::image;
        } else if (type.is("input_audio")) {
            block.kind = BlockKind::audio;
        } else if (type.is("file")) {
            block.kind = BlockKind::document;
        } else {
            block.kind = BlockKind::opaque;
            block.json = scan_.since(from);
            block.dialect = name_of_dialect;
            noted.clear();
        }
        if (!noted.empty()) place(type.inner(), noted);
        blocks.push_back(std::move(block));
        return true;
    }

    // {"url": "https://..."} or "data:image/png;base64,...". Data URLs hold no escapes but \/.
    bool image_url(Block& block) {
        llm::Text url;
        if (scan_.peek() == JsonKind::string) {
            if (!take_text(scan_, url)) return false;
        } else if (scan_.peek() == JsonKind::object) {
            bool const ok = each_member(scan_, [&](std::string_view name) {
                if (name == "url") return take_text(scan_, url);
                if (name == "detail") return take_text(scan_, block.detail);
                return unplaced("image_url", name);
            });
            if (!ok) return false;
        } else {
            return scan_.skip_value(0);
        }
        block.source = source_of(url);
        return true;
    }

    Source source_of(llm::Text url) {
        Source source;
        source.kind = SourceKind::url;
        source.data = url;
        if (!url.inner().starts_with("data:")) return source;
        auto inner = url.inner();
        if (inner.find('\\') != inner.npos) {  // written with \/
            url = request_.make(quoted(llm::decoded(url)));
            inner = url.inner();
        }
        auto const comma = inner.find(',');
        auto const semicolon = inner.find(';');
        constexpr std::string_view coding = ";base64";
        if (comma == inner.npos || semicolon == inner.npos || semicolon > comma ||
            !inner.substr(0, comma).ends_with(coding)) {
            return source;
        }
        source.kind = SourceKind::base64;
        source.media_type = request_.make(quoted(inner.substr(5, semicolon - 5)));
        source.data = request_.make(quoted(inner.substr(comma + 1)));
        return source;
    }

    static std::string quoted(std::string_view plain) {
        std::string out;
        json::append_string(out, plain);
        return out;
    }

    bool input_audio(Block& block) {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        block.source.kind = SourceKind::base64;
        return each_member(scan_, [&](std::string_view name) {
            if (name == "data") return take_text(scan_, block.source.data);
            if (name == "format") return take_text(scan_, block.detail);
            return scan_.skip_value(0);
        });
    }

    bool file(Block& block) {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        return each_member(scan_, [&](std::string_view name) {
            if (name == "filename") return take_text(scan_, block.name);
            if (name == "file_id") {
                block.source.kind = SourceKind::file;
                return take_text(scan_, block.source.data);
            }
            if (name != "file_data") return unplaced("file", name);
            llm::Text data;
            if (!take_text(scan_, data)) return false;
            block.source = source_of(data);
            if (block.source.kind == SourceKind::url && !data.inner().starts_with("http")) {
                block.source.kind = SourceKind::base64;  // bare base64: PDF is what is meant
                block.source.media_type = {"\"application/pdf\""};
            }
            return true;
        });
    }

    bool tool_calls(std::vector<Block>& calls) {
        if (scan_.peek() != JsonKind::array) return scan_.skip_value(0);
        return objects("each of \"tool_calls\" must be an object", [&] {
            Block call;
            call.kind = BlockKind::tool_call;
            llm::Text arguments;
            bool const ok = each_member(scan_, [&](std::string_view name) {
                if (name == "id") return take_text(scan_, call.id);
                // An index is left from the stream.
                if (name == "type" || name == "index") return scan_.skip_value(0);
                if (name != "function" || scan_.peek() != JsonKind::object) {
                    return unplaced("tool_calls[]", name);
                }
                return each_member(scan_, [&](std::string_view inner) {
                    if (inner == "name") return take_text(scan_, call.name);
                    if (inner == "arguments") return take_text(scan_, arguments);
                    return unplaced("tool_calls[].function", inner);
                });
            });
            if (!ok) return false;
            call.json = request_.keep(arguments_object(llm::decoded(arguments)));
            calls.push_back(std::move(call));
            return true;
        });
    }

    // What write_answer and the event writer wrote, possibly in pieces.
    bool reasoning_details(std::vector<Block>& thoughts) {
        ThoughtPieces pieces;
        return read_thought_details(
            scan_, [&](ThoughtDetail const& detail) { pieces.add(detail, thoughts, request_); });
    }

    // The other common spelling: Anthropic's own blocks.
    bool thinking_blocks(std::vector<Block>& thoughts) {
        if (scan_.peek() != JsonKind::array) return scan_.skip_value(0);
        bool const is_known = !thoughts.empty();
        return each_element(scan_, [&] {
            if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
            Block thought;
            thought.kind = BlockKind::thought;
            thought.dialect = "anthropic";
            bool const ok = each_member(scan_, [&](std::string_view name) {
                if (name == "thinking") return take_text(scan_, thought.text);
                if (name == "signature") return take_text(scan_, thought.signature);
                if (name == "data") return take_text(scan_, thought.data);
                return scan_.skip_value(0);
            });
            if (!ok) return false;
            if (!is_known) thoughts.push_back(std::move(thought));
            return true;
        });
    }
};

}  // namespace

Result<llm::Request> read_chat(std::string_view body) { return ChatReader(body).run(); }

}  // namespace sluice::dialect::openai
