#include "dialect/common/request_walk.hpp"

#include <limits>

#include "sluice/json.hpp"

namespace sluice::dialect {

Error wrong_request(std::string message) {
    return client_error(ErrorCode::invalid_request, 400, std::move(message));
}

Error broken_request(JsonScanner const& scan) {
    auto const place = " (byte " + std::to_string(scan.offset()) + ")";
    if (scan.twice().empty()) {
        return client_error(ErrorCode::invalid_json, 400,
                            "the body is not valid JSON: " + std::string{scan.reason()} + place);
    }
    std::string name;
    json::append_string(name, scan.twice().substr(0, JsonKey::max));
    return client_error(
        ErrorCode::duplicate_member, 400,
        "member " + name + " stands twice in one object" + place + "; send it once");
}

Result<void> begin_request(std::string_view body, JsonScanner& scan) {
    if (body.size() > std::numeric_limits<std::uint32_t>::max()) {
        return client_error(ErrorCode::body_too_large, 413, "the body is too large");
    }
    if (!codec::is_valid_utf8(body)) {
        return client_error(ErrorCode::invalid_json, 400,
                            "the body is not valid UTF-8; encode it as UTF-8");
    }
    scan.skip_space();
    if (scan.peek() == JsonKind::object) return {};
    if (codec::check_json(body).ok) return wrong_request("the body must be a JSON object");
    (void)(scan.skip_value(0) && scan.expect_end());
    return broken_request(scan);
}

Patches patch_model(RequestFacts const& facts, std::string_view, std::string_view upstream_model,
                    bool) {
    Patches patches;
    if (upstream_model.empty() || upstream_model == facts.model) return patches;
    std::string quoted;
    json::append_string(quoted, upstream_model);
    patches.push_back({facts.model_value.offset, facts.model_value.length, std::move(quoted)});
    return patches;
}

}  // namespace sluice::dialect
