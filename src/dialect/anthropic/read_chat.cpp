#include "dialect/anthropic/read_chat.hpp"

#include "dialect/common/chat_walk.hpp"

namespace sluice::dialect::anthropic {
namespace {

using llm::Block;
using llm::BlockKind;
using llm::Message;
using llm::Role;
using llm::Source;
using llm::SourceKind;

constexpr std::string_view name_of_dialect = "anthropic";

class ChatReader : private ChatWalk {
  public:
    explicit ChatReader(std::string_view body) : ChatWalk(body, name_of_dialect) {}

    Result<llm::Request> run() {
        bool const ok = each_member(scan_, [this](std::string_view name) { return member(name); });
        if (has_system_) {
            request_.messages.insert(request_.messages.begin(), std::move(system_));
        }
        request_.wants_usage = true;  // this dialect always tells it
        return told(ok);
    }

  private:
    bool member(std::string_view name) {
        auto& r = request_;
        if (name == "model") return take_text(scan_, r.model);
        if (name == "messages") return messages();
        if (name == "system") return system();
        if (name == "max_tokens") return take_integer(scan_, r.max_output_tokens);
        if (name == "stream") return take_true(r.stream);
        if (name == "tools") return tools();
        if (name == "tool_choice") return tool_choice();
        if (name == "temperature") return take_json_or_null(scan_, r.temperature);
        if (name == "top_p") return take_json_or_null(scan_, r.top_p);
        if (name == "top_k") return take_json_or_null(scan_, r.top_k);
        if (name == "stop_sequences") return stop_list();
        if (name == "thinking") return thinking();
        if (name == "output_config") return output_config();
        if (name == "metadata") return metadata();
        if (name == "service_tier") return take_text(scan_, r.service_tier);
        if (name == "cache_control") return take_json_or_null(scan_, r.cache_control);
        return extra(name);
    }

    bool output_config() {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        return each_member(scan_, [this](std::string_view name) {
            if (name == "effort") return take_text(scan_, request_.reasoning.effort);
            if (name != "format" || scan_.peek() != JsonKind::object) {
                return unplaced("output_config", name);
            }
            auto& format = request_.format;
            return each_member(scan_, [&](std::string_view inner) {
                if (inner == "schema") {
                    format.kind = llm::FormatKind::json_schema;
                    return take_json_or_null(scan_, format.schema);
                }
                if (inner == "name") return take_text(scan_, format.name);
                if (inner == "type") return scan_.skip_value(0);
                return unplaced("output_config.format", inner);
            });
        });
    }

    bool metadata() {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        return each_member(scan_, [this](std::string_view name) {
            if (name == "user_id") return take_text(scan_, request_.user);
            return unplaced("metadata", name);
        });
    }

    bool tools() {
        if (scan_.peek() != JsonKind::array) return scan_.skip_value(0);
        return objects("tools: each tool must be an object", [this] {
            auto const from = scan_.offset();
            llm::Tool tool;
            llm::Text type;
            Noted noted;
            bool const ok = each_member(scan_, [&](std::string_view name) {
                if (name == "type") return take_text(scan_, type);
                if (name == "name") return take_text(scan_, tool.name);
                if (name == "description") return take_text(scan_, tool.description);
                if (name == "input_schema") return take_json_or_null(scan_, tool.schema);
                if (name == "strict") return take_flag(scan_, tool.strict);
                if (name == "cache_control") return take_json_or_null(scan_, tool.cache_control);
                return note(noted, name);
            });
            if (!ok) return false;
            if (type.exists() && !type.is("custom")) {
                tool.opaque = scan_.since(from);
            } else {
                place("tools[]", noted);
            }
            if (tool.opaque.empty() && !tool.name.exists()) {
                complaint_ = "tools: each tool must have a name";
            }
            request_.tools.push_back(tool);
            return true;
        });
    }

    bool tool_choice() {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        return each_member(scan_, [this](std::string_view name) {
            if (name == "name") return take_text(scan_, request_.tool_name);
            if (name == "disable_parallel_tool_use") {
                std::optional<bool> value;
                if (!take_bool(scan_, value)) return false;
                if (value) request_.parallel_tools = !*value;
                return true;
            }
            if (name != "type") return unplaced("tool_choice", name);
            llm::Text type;
            if (!take_text(scan_, type)) return false;
            auto& mode = request_.tool_mode;
            if (type.is("auto")) mode = llm::ToolMode::automatic;
            if (type.is("any")) mode = llm::ToolMode::required;
            if (type.is("tool")) mode = llm::ToolMode::named;
            if (type.is("none")) mode = llm::ToolMode::none;
            return true;
        });
    }

    bool system() {
        has_system_ = true;
        system_.role = Role::system;
        return content(system_.blocks);
    }

    bool messages() {
        if (scan_.peek() != JsonKind::array) return refuse("messages: must be an array");
        return objects("messages: each message must be an object", [this] {
            Message message;
            llm::Text role;
            bool const ok = each_member(scan_, [&](std::string_view name) {
                if (name == "role") return take_text(scan_, role);
                if (name == "content") return content(message.blocks);
                return unplaced("messages[]", name);
            });
            if (!ok) return false;
            if (role.is("assistant")) {
                message.role = Role::assistant;
            } else if (role.is("system")) {
                message.role = Role::system;
            } else if (!role.is("user")) {
                complaint_ = "messages: role must be user or assistant";
            }
            request_.messages.push_back(std::move(message));
            return true;
        });
    }

    bool content(std::vector<Block>& blocks) {
        if (scan_.peek() == JsonKind::string) return one_text(blocks);
        if (scan_.peek() != JsonKind::array) return scan_.skip_value(0);
        return each_element(scan_, [&] {
            if (scan_.peek() == JsonKind::string) {
                return take_text(scan_, blocks.emplace_back().text);
            }
            if (scan_.peek() != JsonKind::object) {
                return refuse("messages: each content block must be an object");
            }
            return block(blocks);
        });
    }

    bool block(std::vector<Block>& blocks) {
        auto const from = scan_.offset();
        Block block;
        block.dialect = name_of_dialect;
        llm::Text type, title, thinking, tool_use_id;
        Noted noted;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "type") return take_text(scan_, type);
            if (name == "text") return take_text(scan_, block.text);
            if (name == "cache_control") return take_json_or_null(scan_, block.cache_control);
            if (name == "source") return source(block.source);
            if (name == "id") return take_text(scan_, block.id);
            if (name == "name") return take_text(scan_, block.name);
            if (name == "title") return take_text(scan_, title);
            if (name == "input") return take_json_or_null(scan_, block.json);
            if (name == "thinking") return take_text(scan_, thinking);
            if (name == "signature") return take_text(scan_, block.signature);
            if (name == "data") return take_text(scan_, block.data);
            if (name == "tool_use_id") return take_text(scan_, tool_use_id);
            if (name == "content") return content(block.content);
            if (name == "citations") return take_json_or_null(scan_, block.citations);
            if (name == "is_error") return take_true(block.is_error);
            if (name == "caller") return caller(noted);
            return note(noted, name);
        });
        if (!ok) return false;
        if (type.is("text")) {
            block.kind = BlockKind::text;
        } else if (type.is("image")) {
            block.kind = BlockKind::image;
        } else if (type.is("document")) {
            block.kind = BlockKind::document;
            block.name = title;
        } else if (type.is("tool_use")) {
            block.kind = BlockKind::tool_call;
        } else if (type.is("tool_result")) {
            block.kind = BlockKind::tool_result;
            block.id = tool_use_id;
            if (!block.id.exists()) complaint_ = "messages: a tool_result needs its tool_use_id";
        } else if (type.is("thinking")) {
            block.kind = BlockKind::thought;
            block.text = thinking;
        } else if (type.is("redacted_thinking")) {
            block.kind = BlockKind::thought;
        } else if (type.is("mid_conv_system")) {
            block.kind = BlockKind::text;
            for (auto& inner : block.content) blocks.push_back(std::move(inner));
            return true;
        } else {
            block.kind = BlockKind::opaque;
            block.json = scan_.since(from);
            noted.clear();
        }
        if (!noted.empty()) place(type.inner(), noted);
        blocks.push_back(std::move(block));
        return true;
    }

    // Who called a tool: the model itself, mostly, which need not be said.
    bool caller(Noted& noted) {
        bool is_direct = false;
        if (scan_.peek() != JsonKind::object) return note(noted, "caller");
        bool const ok = each_member(scan_, [&](std::string_view name) {
            llm::Text type;
            if (name != "type") return scan_.skip_value(0);
            if (!take_text(scan_, type)) return false;
            is_direct = type.is("direct");
            return true;
        });
        if (ok && !is_direct) noted.emplace_back("caller");
        return ok;
    }

    bool source(Source& source) {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
        llm::Text type;
        bool const ok = each_member(scan_, [&](std::string_view name) {
            if (name == "type") return take_text(scan_, type);
            if (name == "media_type") return take_text(scan_, source.media_type);
            if (name == "data" || name == "url" || name == "file_id") {
                return take_text(scan_, source.data);
            }
            return unplaced("source", name);
        });
        source.kind = type.is("base64") ? SourceKind::base64
                      : type.is("url")  ? SourceKind::url
                      : type.is("file") ? SourceKind::file
                      : type.is("text") ? SourceKind::text
                                        : SourceKind::none;
        return ok;
    }

    Message system_;
    bool has_system_ = false;
};

}  // namespace

Result<llm::Request> read_chat(std::string_view body) { return ChatReader(body).run(); }

}  // namespace sluice::dialect::anthropic
