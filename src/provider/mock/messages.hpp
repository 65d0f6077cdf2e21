// The mock's second tongue: requests and answers of the anthropic dialect, by way of its first.
// Called by mock.cpp; calls the dialects' machines.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "sluice/dialect.hpp"
#include "sluice/loss.hpp"

namespace sluice::provider::mock {

// A body of POST /v1/messages as one of /v1/chat/completions. Error: what is wrong with it.
Result<std::string> to_chat_body(std::string_view body);
// A whole chat answer as a message; what cannot be read stays as it is.
std::string to_message(std::string_view answer);
std::string message_error(std::uint16_t status, std::string_view message);

// Frames of a chat stream as those of a message stream.
class MessageFrames {
  public:
    MessageFrames();
    // What comes out for one frame, and at the end.
    std::string next(std::string_view frame);
    std::string end();

  private:
    class Text;
    Losses losses_;
    std::unique_ptr<AnswerReader> translator_;
    bool ended_ = false;
};

}  // namespace sluice::provider::mock
