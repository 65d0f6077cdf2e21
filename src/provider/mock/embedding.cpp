// Embedding answers: float or base64 (packed little-endian float32), as the SDKs ask for them.
#include "provider/mock/embedding.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/json_text.hpp"
#include "codec/base64.hpp"
#include "provider/mock/answer.hpp"
#include "provider/mock/prompt.hpp"

namespace sluice::provider::mock {
namespace {

using nlohmann::json;

constexpr std::size_t dimensions_default = 1536;
constexpr std::size_t dimensions_max = 4096;
constexpr std::size_t inputs_max = 2048;

Error bad(std::string message) {
    return client_error(ErrorCode::invalid_request, 400, std::move(message));
}

struct Inputs {
    std::vector<std::string> texts;  // token arrays as their JSON text
    std::size_t tokens = 0;
};

bool is_tokens(json const& value) {
    return value.is_array() && !value.empty() &&
           std::all_of(value.begin(), value.end(),
                       [](json const& one) { return one.is_number_unsigned(); });
}

bool take_input(json const& value, Inputs& inputs) {
    if (value.is_string()) {
        inputs.texts.push_back(value.get<std::string>());
        inputs.tokens += count_tokens(inputs.texts.back());
        return true;
    }
    if (!is_tokens(value)) return false;
    inputs.texts.push_back(value.dump());
    inputs.tokens += value.size();
    return true;
}

Result<Inputs> read_inputs(json const& body) {
    auto const at = body.find("input");
    Inputs inputs;
    if (at != body.end() && take_input(*at, inputs)) return inputs;
    if (at == body.end() || !at->is_array() || at->empty() || at->size() > inputs_max) {
        return bad("input: a string, tokens, or an array of at most " + std::to_string(inputs_max) +
                   " of them is needed");
    }
    for (auto const& one : *at) {
        if (!take_input(one, inputs)) return bad("input: each must be a string or tokens");
    }
    return inputs;
}

void append_floats(std::string& out, std::vector<float> const& values) {
    out += '[';
    for (float const value : values) {
        if (out.back() != '[') out += ',';
        char digits[32];
        auto const end = std::to_chars(digits, digits + sizeof digits, value).ptr;
        out.append(digits, end);
    }
    out += ']';
}

void append_base64(std::string& out, std::vector<float> const& values) {
    static_assert(std::endian::native == std::endian::little);
    std::string bytes(values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    append_json_string(out, codec::to_base64(bytes));
}

}  // namespace

std::vector<float> embed(std::string_view text, std::size_t dimensions) {
    std::vector<float> values(dimensions);
    auto state = hash_of(text);
    double squares = 0;
    for (auto& value : values) {
        // splitmix64
        std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        value = static_cast<float>(static_cast<double>(z >> 11) / static_cast<double>(1ULL << 52) -
                                   1.0);
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    auto const length = std::sqrt(squares);
    if (length > 0) {
        for (auto& value : values) value = static_cast<float>(value / length);
    }
    return values;
}

Result<std::string> write_embeddings(nlohmann::json const& body) {
    if (!body.is_object()) return bad("the body must be a JSON object");
    auto const model = body.value("model", json{});
    if (!model.is_string()) return bad("you must provide a model parameter");
    auto inputs = read_inputs(body);
    if (!inputs.ok()) return std::move(inputs).error();
    auto const dimensions = body.value("dimensions", json(dimensions_default));
    if (!dimensions.is_number_unsigned() || dimensions < 1 || dimensions > dimensions_max) {
        return bad("dimensions: a whole number from 1 to " + std::to_string(dimensions_max) +
                   " is needed");
    }
    auto const format = body.value("encoding_format", json("float"));
    if (format != "float" && format != "base64") {
        return bad("encoding_format: float or base64 is needed");
    }
    std::string out = "{\"object\":\"list\",\"data\":[";
    for (std::size_t i = 0; i < inputs->texts.size(); ++i) {
        if (i > 0) out += ',';
        out += "{\"object\":\"embedding\",\"index\":";
        append_number(out, i);
        out += ",\"embedding\":";
        auto const values = embed(inputs->texts[i], dimensions.get<std::size_t>());
        format == "base64" ? append_base64(out, values) : append_floats(out, values);
        out += '}';
    }
    out += "],\"model\":";
    append_json_string(out, model.get_ref<std::string const&>());
    out += ",\"usage\":{\"prompt_tokens\":";
    append_number(out, inputs->tokens);
    out += ",\"total_tokens\":";
    append_number(out, inputs->tokens);
    out += "}}";
    return out;
}

}  // namespace sluice::provider::mock
