#include "provider/mock/messages.hpp"

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/common/translator.hpp"
#include "dialect/openai_chat/openai_chat.hpp"

namespace sluice::provider::mock {
namespace {

Codec const& messages() { return *dialect::anthropic_messages().row[0]; }
Codec const& chat() { return *dialect::openai_chat().row[0]; }

std::unique_ptr<AnswerReader> translator(bool is_stream, Losses& losses) {
    dialect::TranslationOptions options;
    options.from_stream = options.to_stream = is_stream;
    options.frame_bytes_max = 256 << 20;  // the mock is asked for huge frames
    options.writer = {"mock", "mock", 0, true};
    return dialect::open_translator(*chat().chat, *messages().chat, std::move(options), losses);
}

}  // namespace

class MessageFrames::Text final : public FrameSink {
  public:
    void on_frame(Frame const& frame) override { out += frame.raw; }
    std::string out;
};

Result<std::string> to_chat_body(std::string_view body) {
    auto facts = messages().read_request(body);
    if (!facts) return std::move(facts).error();
    auto request = messages().chat->read_chat(body);
    if (!request) return std::move(request).error();
    Losses losses;
    llm::TargetView target;
    target.model = facts->model;
    target.ask_usage = true;
    return chat().chat->write_chat(*request, target, losses);
}

std::string to_message(std::string_view answer) {
    Losses losses;
    auto read = chat().chat->read_answer(answer);
    if (!read) return std::string{answer};
    return messages().chat->write_answer(*read, {"mock", "mock", 0, true}, losses);
}

std::string message_error(std::uint16_t status, std::string_view message) {
    auto const error = dialect::openai_chat().read_error(status, {});
    Error told = client_error(ErrorCode::invalid_request, status, std::string{message});
    if (status >= 500) told = error;
    told.message = message;
    told.http_status = status;
    return dialect::anthropic_messages().write_error(told, "mock");
}

MessageFrames::MessageFrames() : translator_(translator(true, losses_)) {}

// What the translation does not take is passed on as it is: garbage was asked for.
std::string MessageFrames::next(std::string_view frame) {
    Text text;
    auto const fed = translator_->feed(frame, text);
    if (!fed) return std::string{frame};
    return std::move(text.out);
}

std::string MessageFrames::end() {
    Text text;
    if (!std::exchange(ended_, true)) (void)translator_->finish(text);
    return std::move(text.out);
}

}  // namespace sluice::provider::mock
