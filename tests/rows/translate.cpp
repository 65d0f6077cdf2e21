// Requests and answers through the dialects, for tests/rows/run: a job a line of standard input,
// what came of it a line of standard output. A crash or a hang is the last job's.
//
//   {"do":"request","from":D,"to":D,"body":B}     -> {"body","losses"} or {"error"}
//   {"do":"answer","from":D,"to":D,"from_stream":S,"to_stream":S,"body":B,"step":N}
//                                                 -> {"text","losses","usage"}, and "error" with
//                                                 its
//                                                    text in the caller's dialect when there is one
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "sluice/http.hpp"

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/common/translator.hpp"
#include "dialect/openai_chat/openai_chat.hpp"

namespace {

using namespace sluice;
using Json = nlohmann::json;

Dialect const& dialect_of(Json const& name) {
    static std::map<std::string, Dialect const*> const all{
        {"openai_chat", &dialect::openai_chat()}, {"anthropic", &dialect::anthropic_messages()}};
    return *all.at(name.get<std::string>());
}

Json to_json(Error const& error, Dialect const& to) {
    return {{"code", to_string(error.code)},
            {"origin", to_string(error.origin)},
            {"status", error.http_status},
            {"body", to.write_error(error, "ID")},
            {"frame", to.write_stream_error(error, "ID")}};
}

// The bytes behind a body must be readable, as they are in the gateway.
Json request(Json const& job) {
    auto const& from = dialect_of(job.at("from"));
    auto const& to = dialect_of(job.at("to"));
    auto const body = http::Body::copy_of(job.at("body").get<std::string>());
    auto const facts = from.row[0]->read_request(body.view());
    if (!facts) return {{"error", to_json(facts.error(), from)}};
    auto const read = from.row[0]->chat->read_chat(body.view());
    if (!read) return {{"error", to_json(read.error(), from)}};
    Losses losses;
    llm::TargetView target;
    target.model = facts->model;
    target.ask_usage = true;
    auto const written = to.row[0]->chat->write_chat(*read, target, losses);
    if (!written) return {{"error", to_json(written.error(), from)}};
    return {{"body", *written}, {"losses", losses.names()}};
}

struct Text final : FrameSink {
    void on_frame(Frame const& frame) override { all += frame.raw; }
    std::string all;
};

Json answer(Json const& job) {
    auto const& from = dialect_of(job.at("from"));
    auto const& to = dialect_of(job.at("to"));
    dialect::TranslationOptions options;
    options.from_stream = job.at("from_stream");
    options.to_stream = job.at("to_stream");
    options.writer = {"asked", "01ID", 1700000000, true};
    Losses losses;
    auto const reader =
        dialect::open_translator(*from.row[0]->chat, *to.row[0]->chat, options, losses);
    auto const body = job.at("body").get<std::string>();
    auto const step = job.at("step").get<std::size_t>();
    Text text;
    Result<void> result;
    for (std::size_t at = 0; at < body.size() && result; at += step) {
        result = reader->feed(std::string_view{body}.substr(at, step), text);
    }
    if (result) result = reader->finish(text);
    auto const& u = reader->usage();
    Json out{{"text", text.all},
             {"losses", losses.names()},
             {"usage",
              {{"reported", u.reported},
               {"input", u.input},
               {"cache_read", u.cache_read},
               {"cache_write", u.cache_write},
               {"output", u.output},
               {"reasoning", u.reasoning}}}};
    if (!result) {
        out["error"] = to_json(result.error(), to);
    } else if (reader->fault()) {
        out["error"] = to_json(*reader->fault(), to);
    }
    return out;
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        auto const job = Json::parse(line);
        auto const out = job.at("do") == "request" ? request(job) : answer(job);
        std::cout << out.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
    }
    return 0;
}
