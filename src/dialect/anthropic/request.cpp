// One walk, no early exit: everything is validated, the governed members are noted on the way.
#include "dialect/anthropic/request.hpp"

#include <iterator>

#include "dialect/common/inner_once.hpp"
#include "dialect/common/request_walk.hpp"

namespace sluice::dialect::anthropic {
namespace {

constexpr std::size_t governed_max = 16;

// Members of the root that stand at most once.
constexpr std::string_view governed[] = {"model",    "stream",   "max_tokens",
                                         "messages", "system",   "tools",
                                         "metadata", "thinking", "stop_sequences"};

class RequestWalk {
  public:
    RequestWalk(std::string_view body, bool needs_max_tokens)
        : body_(body), scan_(body), needs_max_tokens_(needs_max_tokens) {}

    Result<RequestFacts> run() {
        if (auto begun = begin_request(body_, scan_); !begun) return std::move(begun).error();
        if (!walk() || !scan_.expect_end()) return broken_request(scan_);
        if (!complaint_.empty()) return wrong_request(std::move(complaint_));
        if (facts_.model_value.length == 0) return wrong_request("model: is missing");
        if (!has_messages_) return wrong_request("messages: is missing");
        if (needs_max_tokens_ && !facts_.max_output_tokens) {
            return wrong_request("max_tokens: is missing; say how long the answer may be");
        }
        return std::move(facts_);
    }

  private:
    bool walk() {
        if (!scan_.enter('{')) return false;
        facts_.first_member = static_cast<std::uint32_t>(scan_.offset());
        JsonString raw;
        JsonKey key;
        for (bool first = true; scan_.next_key(raw, first);) {
            key.set(raw);
            if (is_twice(key.name())) return scan_.fail_twice(raw.inner());
            if (!member(key.name())) return false;
        }
        return !scan_.failed();
    }

    bool is_twice(std::string_view name) noexcept {
        for (std::size_t i = 0; i < std::size(governed); ++i) {
            if (governed[i] != name) continue;
            auto const bit = std::uint32_t{1} << i;
            bool const is_seen = (seen_ & bit) != 0;
            seen_ |= bit;
            return is_seen;
        }
        return false;
    }

    bool member(std::string_view name) {
        if (name == "model") return model();
        if (name == "stream") return stream();
        if (name == "max_tokens") return max_tokens();
        if (name == "metadata") return metadata();
        if (name == "messages") {
            has_messages_ = true;
            if (scan_.peek() != JsonKind::array) return refuse("messages: must be an array");
            return scan_.skip_value(1, InnerOnce{});
        }
        if (name == "tools") {
            facts_.has_tools = scan_.peek() == JsonKind::array;
            return scan_.skip_value(1, InnerOnce{});
        }
        if (name == "system") return scan_.skip_value(1, InnerOnce{});
        return scan_.skip_value(1);
    }

    bool model() {
        auto const from = scan_.offset();
        if (scan_.peek() != JsonKind::string) {
            return refuse("model: must be a string with the name of a model");
        }
        JsonString text;
        if (!scan_.read_string(text)) return false;
        text.decode_to(facts_.model);
        facts_.model_value = {static_cast<std::uint32_t>(from),
                              static_cast<std::uint32_t>(scan_.offset() - from)};
        if (facts_.model.empty()) complaint_ = "model: is empty; write the name of a model";
        return true;
    }

    bool stream() {
        auto const kind = scan_.peek();
        bool const is_flag =
            kind == JsonKind::true_ || kind == JsonKind::false_ || kind == JsonKind::null;
        if (!is_flag) return refuse("stream: must be true or false");
        facts_.stream = kind == JsonKind::true_;
        return scan_.skip_value(1);
    }

    bool max_tokens() {
        if (scan_.peek() == JsonKind::null) return scan_.skip_value(1);
        if (!take_integer(scan_, facts_.max_output_tokens)) return false;
        if (!facts_.max_output_tokens || *facts_.max_output_tokens < 0) {
            complaint_ = "max_tokens: must be a whole number, 0 or more";
        }
        return true;
    }

    bool metadata() {
        if (scan_.peek() != JsonKind::object) return scan_.skip_value(1);
        return each_member(scan_, [this](std::string_view name) {
            if (name != "user_id" || scan_.peek() != JsonKind::string) return scan_.skip_value(2);
            JsonString text;
            if (!scan_.read_string(text)) return false;
            facts_.user = text.decoded();
            return true;
        });
    }

    bool refuse(std::string complaint) {
        if (complaint_.empty()) complaint_ = std::move(complaint);
        return scan_.skip_value(1, InnerOnce{});
    }

    std::string_view body_;
    JsonScanner scan_;
    RequestFacts facts_;
    std::string complaint_;
    std::uint32_t seen_ = 0;
    bool needs_max_tokens_;
    bool has_messages_ = false;
};

static_assert(std::size(governed) <= governed_max);

}  // namespace

Result<RequestFacts> read_request(std::string_view body) { return RequestWalk(body, true).run(); }

Result<RequestFacts> read_count_request(std::string_view body) {
    return RequestWalk(body, false).run();
}

}  // namespace sluice::dialect::anthropic
