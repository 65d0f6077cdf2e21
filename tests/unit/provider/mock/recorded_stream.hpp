// A net::ServerStream without a network: a request given as values, the answer kept as it was
// written.
#pragma once

#include <coroutine>
#include <functional>
#include <string>
#include <vector>

#include "net/server_stream.hpp"

namespace sluice::provider::mock {

class RecordedStream final : public net::ServerStream {
  public:
    RecordedStream(http::Method method, std::string path, std::string body,
                   std::string instructions = {})
        : path_(std::move(path)), body_(std::move(body)), instructions_(std::move(instructions)) {
        field_ = {"x-sluice-mock", instructions_};
        head_.method = method;
        head_.path = path_;
        head_.target = path_;
        head_.headers = http::HeaderView{{&field_, instructions_.empty() ? 0u : 1u}};
        head_.has_body = !body_.empty();
        head_.content_length = body_.size();
    }

    // What was answered.
    std::uint16_t status = 0;
    http::HeaderBlock headers;
    std::vector<std::string> writes;  // of the body
    bool complete = false;
    bool aborted = false;
    // Called before each write; may cancel.
    std::function<void(std::size_t nth)> before_write;

    [[nodiscard]] std::string text() const {
        std::string all;
        for (auto const& write : writes) all += write;
        return all;
    }

    http::RequestHead const& head() const noexcept override { return head_; }
    net::Peer const& peer() const noexcept override { return peer_; }
    Steady::time_point arrived_at() const noexcept override { return {}; }
    Cancel& cancel() noexcept override { return cancel_; }
    Async<http::Body> read_body(std::size_t bytes_max, Deadline, net::BodyBudget*) override {
        if (body_.size() > bytes_max) {
            co_return client_error(ErrorCode::body_too_large, 413, "too large");
        }
        co_return http::Body::copy_of(body_);
    }
    using ServerStream::respond;
    Async<> respond(std::uint16_t code, http::HeaderBlock const& block,
                    std::span<std::string_view const> body) override {
        begin(code, block);
        auto wrote = co_await write(body, true);
        co_return wrote;
    }
    void begin(std::uint16_t code, http::HeaderBlock const& block,
               std::optional<std::uint64_t>) override {
        status = code;
        headers = block;
    }
    void begin(std::uint16_t code, http::HeaderBlock const& block) {
        begin(code, block, std::nullopt);
    }
    Async<> write(std::span<std::string_view const> pieces, bool last) override {
        if (before_write) before_write(writes.size());
        if (cancel_.cancelled()) co_return client_error(ErrorCode::client_closed, 499, "gone");
        std::string all;
        for (auto const piece : pieces) all += piece;
        writes.push_back(std::move(all));
        complete = complete || last;
        co_return {};
    }
    Async<> end() override {
        complete = true;
        co_return {};
    }
    void abort() noexcept override { aborted = true; }
    bool head_sent() const noexcept override { return !writes.empty(); }
    std::uint64_t bytes_sent() const noexcept override { return text().size(); }
    void set_write_deadline(Deadline) noexcept override {}
    [[nodiscard]] Steady::duration waited() const noexcept override { return {}; }
    void close_after_answer() noexcept override {}

  private:
    std::string path_;
    std::string body_;
    std::string instructions_;
    http::Field field_;
    http::RequestHead head_;
    net::Peer peer_;
    Cancel cancel_;
};

}  // namespace sluice::provider::mock
