// The mock provider: a net::Handler that speaks the OpenAI dialect, in process or on a listener. It
// repeats what it was told, at a pace and with faults as the header `x-sluice-mock` or its config
// asks for (instructions.hpp, docs/guide/mock.md). One instance serves all workers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "config/document.hpp"
#include "net/server_stream.hpp"
#include "provider/mock/instructions.hpp"
#include "provider/mock/write.hpp"

namespace sluice::provider::mock {

class Mock final : public net::Handler {
  public:
    // How it waits; tests put their own here.
    using Pause = std::function<Async<Wake>(Steady::duration, Cancel&)>;

    // Error: options.fault cannot be read.
    static Result<std::unique_ptr<Mock>> create(config::MockOptions const& options);
    static Result<std::unique_ptr<Mock>> create(config::MockOptions const& options, Pause pause);

    Async<> handle(net::ServerStream& stream) override;
    std::string malformed(Error const& error, std::string_view path) override;

  private:
    struct Work;  // one request

    Mock(Instructions defaults, Pause pause)
        : defaults_(std::move(defaults)), pause_(std::move(pause)) {}

    Async<> post(Work& work);
    Async<> answer_chat(Work& work, bool is_chat);
    Async<> answer_embeddings(Work& work);
    Async<> misbehave(Work& work, bool& answered);
    Async<> send_error(Work& work, std::uint16_t status, std::string_view message,
                       std::string_view code);
    Async<> send_body(Work& work, std::uint16_t status, std::string body);
    Async<> send_stream(Work& work, Frames& frames);
    Async<> send_frame(Work& work, std::string_view frame, bool last);
    Async<> wait(Work& work, std::int64_t ms);
    Async<> stay_silent(Work& work);
    [[nodiscard]] bool is_exempt(Instructions const& instructions);

    Instructions const defaults_;
    Pause const pause_;

    std::mutex mutex_;  // of the one below: rare, tests and demonstrations
    std::map<std::string, std::int64_t, std::less<>> failures_;  // by Instructions::id
};

}  // namespace sluice::provider::mock
