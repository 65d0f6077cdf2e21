// Which error is whose, and what the caller may know of it. What a provider says about our own
// credential stays in `detail`; what it says about the caller's request is the caller's to read.
#include "dialect/common/upstream_error.hpp"

#include <algorithm>
#include <array>

#include "sluice/json.hpp"

namespace sluice::dialect {

namespace {

constexpr std::size_t body_looked_at_max = 64 * 1024;
constexpr std::size_t message_bytes_max = 1000;
constexpr std::size_t word_bytes_max = 64;

// What an error body says, wherever it says it. Views and strings bounded.
struct Said {
    std::string message;
    std::string type;
    std::string code;
    int status = 0;  // a status named inside the body, 0 = none
};

std::string cut_to(std::string text, std::size_t bytes_max) {
    if (text.size() <= bytes_max) return text;
    // Not inside a UTF-8 sequence.
    while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0U) == 0x80U) {
        --bytes_max;
    }
    text.resize(bytes_max);
    return text + "...";
}

std::string text_of(json::Value value, std::size_t bytes_max) {
    if (auto text = value.string()) return cut_to(std::move(*text), bytes_max);
    if (value.kind() == json::Kind::number) return std::string{value.raw().substr(0, bytes_max)};
    return {};
}

void take(std::string& into, json::Value value, std::size_t bytes_max) {
    if (into.empty()) into = text_of(value, bytes_max);
}

void take_status(Said& said, json::Value value) {
    auto const number = value.integer();
    if (said.status == 0 && number && *number >= 400 && *number <= 599) {
        said.status = static_cast<int>(*number);
    }
}

void take_object(Said& said, json::Value object) {
    for (auto const* name : {"message", "detail", "title", "error_description", "msg"}) {
        take(said.message, object[name], message_bytes_max);
    }
    for (auto const* name : {"type", "error_type"}) take(said.type, object[name], word_bytes_max);
    for (auto const* name : {"code", "error_code"}) take(said.code, object[name], word_bytes_max);
    for (auto const* name : {"status", "statusCode", "status_code", "code"}) {
        take_status(said, object[name]);
    }
}

// {error:{...}} | {error:"text"} | {detail:"text" | [{msg}]} | {errors:[{code,message}]} | flat
Said read_said(std::string_view body) {
    Said said;
    if (body.size() > body_looked_at_max) return said;
    auto const root = json::parse(body);
    if (!root) return said;
    // Some wrap the object in an array.
    auto const top = root->is_array() ? root->at(0) : *root;
    auto const error = top["error"];
    if (error.is_object()) {
        take_object(said, error);
        take(said.type, error["metadata"]["error_type"], word_bytes_max);
    } else {
        take(said.message, error, message_bytes_max);
    }
    take(said.message, top["x_groq"]["error"], message_bytes_max);
    take_object(said, top);
    take_object(said, top["errors"].at(0));
    take_object(said, top["detail"].at(0));
    return said;
}

std::string lower(std::string text) {
    for (auto& c : text) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return text;
}

template <std::size_t N>
bool says(Said const& said, std::array<std::string_view, N> const& words) {
    auto const type = lower(said.type);
    auto const code = lower(said.code);
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
        return type.find(word) != std::string::npos || code.find(word) != std::string::npos;
    });
}

constexpr std::array<std::string_view, 6> out_of_credit{
    "insufficient_quota", "credit_balance",     "insufficient_balance", "billing",
    "payment_required",   "insufficient_credit"};
constexpr std::array<std::string_view, 7> bad_credential{
    "invalid_api_key", "api_key_invalid",   "authentication",  "unauthorized",
    "unauthenticated", "permission_denied", "permission_error"};
constexpr std::array<std::string_view, 5> too_long{"context_length_exceeded", "max_tokens_exceeded",
                                                   "token_limit_exceeded", "string_too_long",
                                                   "context_window"};
constexpr std::array<std::string_view, 6> against_policy{
    "content_policy", "moderation", "content_filter", "refusal", "invalid_prompt", "guardrail"};
constexpr std::array<std::string_view, 3> no_such_model{"model_not_found", "deploymentnotfound",
                                                        "no_such_model"};
// What `code` and `type` call a request that is at fault itself.
constexpr std::array<std::string_view, 9> request_codes{
    "invalid_value",     "invalid_type",      "invalid_model",
    "unknown_parameter", "unknown_model",     "unsupported_parameter",
    "unsupported_value", "unsupported_model", "missing_required_parameter"};
constexpr std::array<std::string_view, 5> rate_limited{
    "rate_limit", "slow_down", "too_many_requests", "resource_exhausted", "request_limit_exceeded"};
constexpr std::array<std::string_view, 1> overloaded{"overloaded"};
constexpr std::array<std::string_view, 7> server_fault{
    "server_error", "unavailable", "internal", "capacity", "timeout", "bad_gateway", "api_error"};
constexpr std::array<std::string_view, 4> request_fault{"invalid_request", "bad_request",
                                                        "badrequest", "unprocessable"};

bool is_too_long(Said const& said) {
    if (says(said, too_long)) return true;
    auto const message = lower(said.message);
    return message.starts_with("prompt is too long") ||
           message.find("context length") != std::string::npos ||
           message.find("context window") != std::string::npos;
}

// A named fault of the request. Such an answer is not about our key, whatever its prose quotes.
bool names_request_fault(Said const& said) {
    return says(said, request_codes) || says(said, no_such_model) || says(said, too_long) ||
           says(said, against_policy);
}

// Whole sentences. Prose quotes the caller (a model's name, a role): were a part of it enough, a
// caller could write that part and have our key benched for everyone.
constexpr std::array<std::string_view, 11> key_refusals{
    "api key not valid",
    "api key not valid. please pass a valid api key",
    "api key not found. please pass a valid api key",
    "api key expired",
    "api key expired. please renew the api key",
    "incorrect api key provided",
    "invalid api key",
    "invalid api key provided",
    "invalid or missing api key",
    "missing api key",
    "no api key provided"};

// "incorrect api key provided: sk-a***z. You can find ...": what quotes a key is fixed at both
// ends.
bool is_key_quoted(std::string_view message) {
    constexpr std::string_view begins = "incorrect api key provided: ";
    if (!message.starts_with(begins)) return false;
    auto const rest = message.substr(begins.size());
    auto const key_end = rest.find(' ');
    if (key_end == std::string_view::npos) return true;
    auto const advice = rest.substr(key_end + 1);
    return advice == "you can find your api key at https://platform.openai.com/account/api-keys" ||
           advice == "you can obtain an api key from https://console.x.ai";
}

// Anthropic's way to say that the account is empty: a 400 whose type is that of any bad request.
bool is_about_our_credit(Said const& said) {
    return lower(said.message).starts_with("your credit balance is too low");
}

// Some answer a wrong key with 400 and say so in prose only.
bool is_about_our_key(Said const& said) {
    if (names_request_fault(said)) return false;
    if (says(said, bad_credential)) return true;
    auto const text = lower(said.message);
    std::string_view message = text;
    if (message.ends_with('.')) message.remove_suffix(1);
    return is_key_quoted(message) ||
           std::find(key_refusals.begin(), key_refusals.end(), message) != key_refusals.end();
}

// A name, not prose: a provider may repeat a prompt or a credential wherever it writes text.
bool is_word(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '.';
    });
}

// For the log and the ledger: never the message.
std::string detail_of(int status, Said const& said) {
    std::string detail = "status " + std::to_string(status);
    if (is_word(said.type)) detail += ", type " + said.type;
    if (is_word(said.code)) detail += ", code " + said.code;
    return detail;
}

// What to tell of a rejection that came without a word. A 404 for a path has none in this grammar;
// one for a model has.
std::string wordless(int status) {
    auto told = "the provider rejected the request with status " + std::to_string(status);
    if (status != 404) return told;
    return told + "; it has no such path. Tell the operator to check the provider's base_url, " +
           "which nearly always ends in /v1";
}

Error rejected(int status, Retry retry, Said const& said, std::string detail) {
    auto message = said.message.empty() ? wordless(status) : said.message;
    return upstream_error(ErrorCode::upstream_rejected, retry, static_cast<std::uint16_t>(status),
                          std::move(message), std::move(detail));
}

Error refused_credential(std::string detail) {
    return upstream_error(ErrorCode::upstream_auth, Retry::next, 502,
                          "the provider refused the gateway's credential; tell the operator",
                          std::move(detail));
}

Error server_error(int status, std::string detail) {
    bool const stays = status == 503 || status == 504 || status == 529;
    auto const told = stays ? static_cast<std::uint16_t>(status) : std::uint16_t{502};
    return upstream_error(
        ErrorCode::upstream_server_error, Retry::same, told,
        "the provider failed with status " + std::to_string(status) + "; try again",
        std::move(detail));
}

Error rate_limit(std::string detail) {
    return upstream_error(ErrorCode::upstream_rate_limited, Retry::next, 429,
                          "the provider's rate limit is reached; try again later",
                          std::move(detail));
}

Error classify(int status, Said const& said) {
    auto detail = detail_of(status, said);
    if (status >= 400 && status < 500) {
        if (says(said, out_of_credit) || is_about_our_credit(said)) {
            return refused_credential(std::move(detail));
        }
        if (is_too_long(said)) return rejected(status, Retry::next, said, std::move(detail));
        if (status == 403 && says(said, against_policy)) {
            return rejected(status, Retry::no, said, std::move(detail));
        }
        // A caller chose the model: our account lacks it, the credential is fine. What it says
        // names the account, so it is not quoted.
        if (status == 403 && says(said, no_such_model)) {
            return rejected(status, Retry::next, Said{}, std::move(detail));
        }
        if (status != 429 && is_about_our_key(said)) {
            return refused_credential(std::move(detail));
        }
    }
    switch (status) {
        case 401:
        case 402:
        case 403:
            return refused_credential(std::move(detail));
        case 404:
            return rejected(status, Retry::next, said, std::move(detail));
        case 408:
            return upstream_error(ErrorCode::upstream_timeout, Retry::same, 504,
                                  "the provider timed out; try again", std::move(detail));
        case 409:
            return rejected(status, Retry::same, said, std::move(detail));
        case 429:
            return rate_limit(std::move(detail));
        case 498:  // capacity of a cheaper tier
            return server_error(503, std::move(detail));
        default:
            break;
    }
    if (status >= 500) return server_error(status, std::move(detail));
    if (status >= 400) {
        auto const retry = says(said, no_such_model) ? Retry::next : Retry::no;
        return rejected(status, retry, said, std::move(detail));
    }
    return bad_answer(detail);
}

// The status an error inside a 200 would have had; 0 when it does not tell.
int status_said(Said const& said) {
    if (said.status != 0) return said.status;
    if (said.code.size() == 3 && (said.code[0] == '4' || said.code[0] == '5') &&
        json::parse(said.code)) {
        return std::stoi(said.code);
    }
    if (says(said, out_of_credit)) return 402;
    if (says(said, bad_credential)) return 401;
    if (says(said, rate_limited)) return 429;
    if (says(said, no_such_model)) return 404;
    if (is_too_long(said) || says(said, against_policy) || says(said, request_fault)) return 400;
    if (says(said, overloaded)) return 529;
    return says(said, server_fault) ? 500 : 0;
}

}  // namespace

Error read_error(std::uint16_t status, std::string_view body) {
    return classify(status, read_said(body));
}

Error read_fault(std::string_view body) {
    auto const said = read_said(body);
    auto const status = status_said(said);
    if (status != 0) return classify(status, said);
    return upstream_error(ErrorCode::upstream_bad_response, Retry::same, 502,
                          "the provider answered with an error", detail_of(200, said));
}

Error bad_answer(std::string_view detail) {
    return upstream_error(ErrorCode::upstream_bad_response, Retry::same, 502,
                          "the provider's answer could not be understood", std::string{detail});
}

Error cut_answer() {
    return upstream_error(ErrorCode::upstream_reset, Retry::same, 502,
                          "the provider ended its answer before it was complete");
}

}  // namespace sluice::dialect
