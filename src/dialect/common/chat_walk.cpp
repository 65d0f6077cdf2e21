#include "dialect/common/chat_walk.hpp"

#include <algorithm>

#include "sluice/loss.hpp"

namespace sluice::dialect {

Result<llm::Request> ChatWalk::told(bool ok) {
    if (!ok && complaint_.empty()) complaint_ = "the request cannot be read";
    if (complaint_.empty()) return std::move(request_);
    return client_error(ErrorCode::invalid_request, 400, std::move(complaint_));
}

bool ChatWalk::refuse(std::string complaint) {
    if (complaint_.empty()) complaint_ = std::move(complaint);
    return scan_.skip_value(0);
}

bool ChatWalk::extra(std::string_view name) {
    std::string_view json;
    if (!take_json_or_null(scan_, json)) return false;
    if (json.empty()) return true;
    // The name lives in the key's buffer when it had escapes: kept.
    request_.extras.push_back({request_.keep(std::string{name}), json});
    return true;
}

bool ChatWalk::unplaced(std::string_view where, std::string_view name) {
    Noted noted;
    if (!note(noted, name)) return false;
    place(where, noted);
    return true;
}

bool ChatWalk::note(Noted& noted, std::string_view name) {
    std::string kept{name};  // the key's buffer is used again below the value
    std::string_view json;
    if (!take_json_or_null(scan_, json)) return false;
    bool const says_nothing = json.empty() || json == "false" || json == "[]" || json == "{}";
    if (!says_nothing && noted.size() < Losses::names_max) noted.push_back(std::move(kept));
    return true;
}

void ChatWalk::place(std::string_view where, Noted const& noted) {
    auto& known = request_.unplaced;
    for (auto const& name : noted) {
        auto full = std::string{where}.append(".").append(name);
        bool const is_new = std::find(known.begin(), known.end(), full) == known.end();
        if (is_new && known.size() < Losses::names_max) known.push_back(std::move(full));
    }
}

bool ChatWalk::take_true(bool& out) {
    std::optional<bool> value;
    if (!take_bool(scan_, value)) return false;
    out = value.value_or(false);
    return true;
}

bool ChatWalk::stop_list() {
    if (scan_.peek() != JsonKind::array) return scan_.skip_value(0);
    return each_element(scan_, [this] {
        llm::Text text;
        if (!take_text(scan_, text)) return false;
        if (text.exists()) request_.stop.push_back(text);
        return true;
    });
}

// {"type": "enabled", "budget_tokens"}: clients of other dialects use it for such models, too.
bool ChatWalk::thinking() {
    if (scan_.peek() != JsonKind::object) return scan_.skip_value(0);
    auto& reasoning = request_.reasoning;
    return each_member(scan_, [&](std::string_view name) {
        if (name == "budget_tokens") return take_integer(scan_, reasoning.budget);
        if (name == "display") return take_text(scan_, reasoning.display);
        if (name != "type") return unplaced("thinking", name);
        llm::Text type;
        if (!take_text(scan_, type)) return false;
        if (type.is("enabled")) reasoning.thinking = llm::Thinking::budget;
        if (type.is("adaptive")) reasoning.thinking = llm::Thinking::adaptive;
        if (type.is("disabled")) reasoning.thinking = llm::Thinking::disabled;
        return true;
    });
}

bool ChatWalk::one_text(std::vector<llm::Block>& blocks) {
    return take_text(scan_, blocks.emplace_back().text);
}

}  // namespace sluice::dialect
