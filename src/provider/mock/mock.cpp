// The mock's handler: which answer, when, and how it goes wrong. The answers themselves are made by
// answer.cpp, write.cpp and embedding.cpp. Called by net for each request to the mock.
#include "provider/mock/mock.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "net/worker.hpp"
#include "provider/mock/compressor.hpp"
#include "provider/mock/embedding.hpp"
#include "provider/mock/messages.hpp"

namespace sluice::provider::mock {

using nlohmann::json;

struct Mock::Work {
    net::ServerStream& stream;
    Instructions asked;
    json body;
    std::uint64_t seed = 0;  // hash of the body
    std::unique_ptr<Compressor> compressor;
    std::int64_t bytes = 0;                 // of the body, sent
    bool ended = false;                     // cut: nothing more is sent
    bool is_messages = false;               // asked in the anthropic dialect
    std::unique_ptr<MessageFrames> frames;  // of its stream
};

namespace {

constexpr std::size_t body_bytes_max = 64 * 1024 * 1024;
constexpr std::size_t failure_ids_max = 1024;
constexpr std::int64_t forever_ms = 3'600'000;

Async<Wake> sleep_on_worker(Steady::duration d, Cancel& cancel) {
    co_return co_await net::Worker::current().sleep(d, cancel);
}

Error gone() { return client_error(ErrorCode::client_closed, 499, "the caller is gone"); }

std::int64_t unix_now() {
    return std::chrono::duration_cast<seconds>(Wall::now().time_since_epoch()).count();
}

http::HeaderBlock answer_headers(Instructions const& asked, std::string_view content_type) {
    http::HeaderBlock headers;
    headers.add("Content-Type", content_type);
    headers.add("x-sluice-mock", "1");
    if (!asked.encoding.empty()) headers.add("Content-Encoding", asked.encoding);
    return headers;
}

constexpr std::string_view json_type = "application/json";
constexpr std::string_view sse_type = "text/event-stream; charset=utf-8";

std::string model_json(std::string_view id) {
    return json{{"id", id}, {"object", "model"}, {"created", 0}, {"owned_by", "sluice-mock"}}.dump(
        -1, ' ', false, json::error_handler_t::replace);
}

std::string models_json() {
    return R"({"object":"list","data":[)" + model_json("mock") + "," + model_json("mock-embed") +
           "]}";
}

// "/v1/models/<id>" -> id; "" for anything else.
std::string_view model_of_path(std::string_view path) {
    constexpr std::string_view before = "/models/";
    auto const at = path.rfind(before);
    return at == std::string_view::npos ? std::string_view{} : path.substr(at + before.size());
}

// What a request asks for in nlohmann's types may be of any type: what throws is a bad request.
template <class Make>
auto guarded(Make&& make) -> decltype(make()) {
    try {
        return make();
    } catch (json::exception const&) {
        return client_error(ErrorCode::invalid_request, 400,
                            "a member of the body has the wrong type");
    }
}

Result<Prompt> read_prompt(json const& body, bool is_chat) {
    return guarded([&] { return is_chat ? read_chat(body) : read_completion(body); });
}

Result<Answer> make_answer(Prompt const& prompt, Instructions const& asked, std::uint64_t seed) {
    return guarded([&] { return Result<Answer>{answer(prompt, asked, seed, unix_now())}; });
}

StreamOptions stream_options(Prompt const& prompt, Instructions const& asked) {
    StreamOptions options;
    options.with_usage = prompt.include_usage && !asked.no_usage;
    options.with_done = !asked.no_done;
    options.chunk_bytes = static_cast<std::size_t>(asked.chunk_bytes.value_or(0));
    options.huge_bytes = static_cast<std::size_t>(asked.huge_frame.value_or(0));
    options.garbage = asked.garbage;
    return options;
}

}  // namespace

Result<std::unique_ptr<Mock>> Mock::create(config::MockOptions const& options) {
    return create(options, sleep_on_worker);
}

Result<std::unique_ptr<Mock>> Mock::create(config::MockOptions const& options, Pause pause) {
    Instructions defaults;
    if (options.chunk_ms > 0) defaults.chunk_ms = options.chunk_ms;
    if (options.first_byte_ms > 0) defaults.first_byte_ms = options.first_byte_ms;
    auto read = read_instructions(options.fault, std::move(defaults));
    if (!read.ok()) return std::move(read).error();
    return std::unique_ptr<Mock>{new Mock{std::move(*read), std::move(pause)}};
}

std::string Mock::malformed(Error const& error, std::string_view) {
    return write_error(error.http_status, error.message, to_string(error.code));
}

Async<> Mock::handle(net::ServerStream& stream) {
    auto const& head = stream.head();
    Work work{stream, {}, {}, 0, nullptr, 0, false, false, nullptr};
    auto asked = read_instructions(head.headers.get("x-sluice-mock"), defaults_);
    if (!asked.ok()) co_return co_await send_error(work, 400, asked.error().message, "");
    work.asked = std::move(*asked);

    if (head.method == http::Method::post) co_return co_await post(work);
    if (head.method != http::Method::get) {
        co_return co_await send_error(work, 405, "use POST or GET", "");
    }
    auto const model = model_of_path(head.path);
    if (head.path.ends_with("/models") || !model.empty()) {
        auto body = model.empty() ? models_json() : model_json(model);
        co_return co_await send_body(work, 200, std::move(body));
    }
    co_return co_await send_error(work, 404, "the mock does not know this path", "");
}

Async<> Mock::post(Work& work) {
    auto const path = work.stream.head().path;
    bool const is_chat = path.ends_with("/chat/completions");
    bool const is_completion = !is_chat && path.ends_with("/completions");
    bool const is_count = path.ends_with("/messages/count_tokens");
    work.is_messages = is_count || path.ends_with("/messages");
    if (!is_chat && !is_completion && !work.is_messages && !path.ends_with("/embeddings")) {
        co_return co_await send_error(work, 404, "the mock does not know this path", "");
    }
    auto body = co_await work.stream.read_body(body_bytes_max);
    if (!body.ok()) {
        if (body.error().code == ErrorCode::client_closed) co_return std::move(body).error();
        co_return co_await send_error(work, body.error().http_status, body.error().message, "");
    }
    work.seed = hash_of(body->view());
    if (is_count) {
        auto const tokens = std::to_string(body->size() / 4 + 1);
        co_return co_await send_body(work, 200, "{\"input_tokens\":" + tokens + "}");
    }
    if (work.is_messages) {
        auto chat = to_chat_body(body->view());
        if (!chat.ok()) co_return co_await send_error(work, 400, chat.error().message, "");
        work.body = json::parse(*chat, nullptr, false);
    } else {
        work.body = json::parse(body->view(), nullptr, false);
    }
    body->clear();
    if (!work.body.is_object()) {
        co_return co_await send_error(work, 400, "the body is not a JSON object", "");
    }
    bool answered = false;
    auto const misbehaved = co_await misbehave(work, answered);
    if (answered || !misbehaved.ok()) co_return misbehaved;
    bool const talks = is_chat || is_completion || work.is_messages;
    if (talks) co_return co_await answer_chat(work, !is_completion);
    co_return co_await answer_embeddings(work);
}

// What goes wrong before there is an answer; `answered` when nothing is left to do.
Async<> Mock::misbehave(Work& work, bool& answered) {
    auto& asked = work.asked;
    auto const model = work.body.find("model");
    bool const is_other =
        !asked.only_model.empty() && (model == work.body.end() || *model != asked.only_model);
    if (is_other) asked = {};
    if (is_exempt(asked)) asked.clear_faults();

    auto const waited = co_await wait(work, asked.first_byte_ms.value_or(0));
    if (!waited.ok()) co_return waited;
    answered = true;
    if (asked.silence) co_return co_await stay_silent(work);
    if (asked.reset) {
        work.stream.abort();
        co_return {};
    }
    if (asked.status) {
        auto const status = static_cast<std::uint16_t>(*asked.status);
        auto const message = "[sluice mock] status " + std::to_string(status) + " was asked for";
        co_return co_await send_error(work, status, message, asked.code);
    }
    if (asked.error_200) {
        auto body = write_error(500, "[sluice mock] an error was asked for", asked.code);
        co_return co_await send_body(work, 200, std::move(body));
    }
    answered = false;
    co_return {};
}

Async<> Mock::answer_chat(Work& work, bool is_chat) {
    auto const prompt = read_prompt(work.body, is_chat);
    if (!prompt.ok()) co_return co_await send_error(work, 400, prompt.error().message, "");
    auto const made = make_answer(*prompt, work.asked, work.seed);
    if (!made.ok()) co_return co_await send_error(work, 400, made.error().message, "");
    work.body = nullptr;
    if (!prompt->stream) {
        auto body = write_body(*made, !work.asked.no_usage);
        if (work.is_messages) body = to_message(body);
        co_return co_await send_body(work, 200, std::move(body));
    }
    Frames frames{*made, stream_options(*prompt, work.asked)};
    co_return co_await send_stream(work, frames);
}

Async<> Mock::answer_embeddings(Work& work) {
    auto made = guarded([&] { return write_embeddings(work.body); });
    if (!made.ok()) co_return co_await send_error(work, 400, made.error().message, "");
    co_return co_await send_body(work, 200, std::move(*made));
}

Async<> Mock::send_error(Work& work, std::uint16_t status, std::string_view message,
                         std::string_view code) {
    auto headers = answer_headers({}, json_type);
    if (work.asked.retry_after) headers.add("Retry-After", std::to_string(*work.asked.retry_after));
    if (work.asked.retry_after_ms) {
        headers.add("retry-after-ms", std::to_string(*work.asked.retry_after_ms));
    }
    auto const body =
        work.is_messages ? message_error(status, message) : write_error(status, message, code);
    co_return co_await work.stream.respond(status, headers, body);
}

Async<> Mock::send_body(Work& work, std::uint16_t status, std::string body) {
    auto const& asked = work.asked;
    auto const headers = answer_headers(asked, json_type);
    if (asked.garbage) body = "<<< [sluice mock] this was asked to be no JSON >>>";
    if (auto const compressor = Compressor::create(asked.encoding)) {
        auto coded = compressor->write(body);  // before end(): `+` has no order
        coded += compressor->end();
        body = std::move(coded);
    }
    bool const in_pieces =
        asked.cut_frames || asked.cut_bytes || asked.silence_frames || asked.write_bytes;
    if (!in_pieces) co_return co_await work.stream.respond(status, headers, body);

    work.stream.begin(status, headers, body.size());
    // A body has no frames: cut_frames and silence_frames end it in its middle.
    bool const half = asked.cut_frames || asked.silence_frames;
    auto const part = std::string_view{body}.substr(0, half ? body.size() / 2 : body.size());
    auto sent = co_await send_frame(work, part, !half);
    if (!sent.ok() || work.ended) co_return sent;
    if (asked.silence_frames) co_return co_await stay_silent(work);
    if (asked.cut_frames) work.stream.abort();
    co_return {};
}

Async<> Mock::send_stream(Work& work, Frames& frames) {
    auto const& asked = work.asked;
    work.compressor = Compressor::create(asked.encoding);
    if (work.is_messages) work.frames = std::make_unique<MessageFrames>();
    work.stream.begin(200, answer_headers(asked, sse_type));
    std::string frame;
    for (std::int64_t sent = 0;; ++sent) {
        if (asked.cut_frames == sent) {
            work.stream.abort();
            co_return {};
        }
        if (asked.silence_frames == sent) co_return co_await stay_silent(work);
        bool const is_error = asked.error_frames == sent;
        if (is_error) {
            frame =
                "data: " + write_error(500, "[sluice mock] an error was asked for", asked.code) +
                "\n\n";
        } else if (!frames.next(frame)) {
            break;
        }
        if (sent > 0) {
            auto const waited = co_await wait(work, asked.chunk_ms.value_or(0));
            if (!waited.ok()) co_return waited;
        }
        if (work.frames) {
            frame = work.frames->next(frame);
            if (frame.empty()) continue;
        }
        auto const wrote = co_await send_frame(work, frame, false);
        if (!wrote.ok() || work.ended) co_return wrote;
        if (is_error) break;
    }
    if (work.frames) {
        frame = work.frames->end();
        if (!frame.empty()) {
            auto const wrote = co_await send_frame(work, frame, false);
            if (!wrote.ok() || work.ended) co_return wrote;
        }
    }
    if (work.compressor) {
        auto const rest = work.compressor->end();
        std::string_view const pieces[] = {rest};
        auto const wrote = co_await work.stream.write(pieces);
        if (!wrote.ok()) co_return wrote;
    }
    co_return co_await work.stream.end();
}

// One frame, or a body, with what the instructions do to bytes.
Async<> Mock::send_frame(Work& work, std::string_view frame, bool last) {
    auto const& asked = work.asked;
    std::string compressed;
    if (work.compressor) {
        compressed = work.compressor->write(frame);
        frame = compressed;
    }
    bool is_cut = false;
    if (asked.cut_bytes) {
        auto const left = static_cast<std::size_t>(*asked.cut_bytes - work.bytes);
        is_cut = left <= frame.size();
        frame = frame.substr(0, left);
    }
    auto const step = asked.write_bytes ? static_cast<std::size_t>(*asked.write_bytes)
                                        : std::max<std::size_t>(frame.size(), 1);
    for (std::size_t at = 0; at < frame.size(); at += step) {
        std::string_view const pieces[] = {frame.substr(at, step)};
        bool const is_last = last && !is_cut && at + step >= frame.size();
        auto const wrote = co_await work.stream.write(pieces, is_last);
        if (!wrote.ok()) co_return wrote;
        work.bytes += static_cast<std::int64_t>(pieces[0].size());
    }
    if (is_cut) {
        work.ended = true;
        work.stream.abort();
    }
    co_return {};
}

Async<> Mock::wait(Work& work, std::int64_t ms) {
    if (ms <= 0) co_return {};
    auto const wake = co_await pause_(milliseconds{ms}, work.stream.cancel());
    if (!wake.ok()) co_return wake.error();
    if (*wake == Wake::cancelled) co_return gone();
    co_return {};
}

// Until the caller goes away or the worker drains.
Async<> Mock::stay_silent(Work& work) {
    while (true) {
        auto const waited = co_await wait(work, forever_ms);
        if (waited.ok()) continue;
        work.stream.abort();
        co_return waited;
    }
}

// With fail_times=N: every (N+1)th request with the same id is answered well.
bool Mock::is_exempt(Instructions const& instructions) {
    if (!instructions.fail_times) return false;
    std::lock_guard const lock{mutex_};
    if (failures_.size() >= failure_ids_max && !failures_.contains(instructions.id)) {
        failures_.clear();
    }
    auto& failures = failures_[instructions.id];
    if (failures < *instructions.fail_times) {
        ++failures;
        return false;
    }
    failures = 0;
    return true;
}

}  // namespace sluice::provider::mock
