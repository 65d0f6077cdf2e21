// The request walk and its patches against nlohmann: what is accepted is JSON, its facts are what
// nlohmann reads, and a patched body means what was intended.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "codec/json_push.hpp"
#include "codec/json_walk.hpp"
#include "dialect/openai_chat/openai_chat.hpp"

using namespace sluice;
using Json = nlohmann::json;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

struct NoEvents {
    void on_key(std::string_view, std::size_t) {}
    void on_begin(codec::JsonKind, std::size_t, char const*) {}
    void on_end(codec::JsonKind, std::size_t, char const*) {}
    void on_text(std::size_t) {}
};

// JSON by its grammar, but with a number that nlohmann cannot hold: it refuses the whole text.
bool is_beyond_double(std::string_view text) {
    try {
        static_cast<void>(Json::parse(text));
    } catch (Json::out_of_range const&) {
        return true;
    } catch (Json::exception const&) {
    }
    return false;
}

bool push_accepts(std::string_view text) {
    NoEvents events;
    codec::JsonPush<NoEvents> push(events);
    return push.feed(text) && push.finish();
}

void check_patches(Codec const& codec, RequestFacts const& facts, std::string_view body,
                   Json intended) {
    std::string const model = "up\"stream\\\n";
    std::string patched;
    auto const patches = codec.patch_request(facts, body, model, true);
    for (auto const piece : gather(body, patches)) patched += piece;
    intended["model"] = model;
    if (facts.stream) {
        auto& options = intended["stream_options"];
        if (options.is_null()) options = Json::object();
        options["include_usage"] = true;
    }
    require(Json::parse(patched) == intended);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::vector<char> const bytes(data, data + size);
    std::string_view const body{bytes.data(), bytes.size()};
    bool const is_json = codec::is_json(body);
    // nlohmann skips a byte order mark, reads a NUL as the end of the text and goes to any depth.
    bool const other = Json::accept(body) && !body.starts_with("\xef\xbb\xbf") &&
                       body.find('\0') == std::string_view::npos;
    auto const reason = codec::check_json(body).reason;
    if (is_json) require((other || is_beyond_double(body)) && push_accepts(body));
    if (other) require(is_json || reason == "values are nested too deeply");

    auto const& chat = *dialect::openai_chat().row[0];
    auto const facts = chat.read_request(body);
    if (!facts) {
        if (facts.error().code == ErrorCode::invalid_json) require(!is_json);
        return 0;
    }
    require(is_json);
    auto const json = Json::parse(body, nullptr, false);
    if (json.is_discarded()) return 0;  // a number out of nlohmann's range
    require(json.at("model") == facts->model);
    require(json.value("stream", Json{}) == true ? facts->stream : !facts->stream);
    require(Json::parse(body.substr(facts->model_value.offset, facts->model_value.length)) ==
            facts->model);
    check_patches(chat, *facts, body, json);
    return 0;
}
