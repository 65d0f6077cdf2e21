// A small forward proxy: CONNECT tunnels and absolute-form requests, with or without credentials,
// and a journal of what it was asked. One thread a connection.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/socket.hpp"

namespace sluice::test {

class ForwardProxy {
  public:
    // `credentials` "user:password"; "" = anyone may.
    explicit ForwardProxy(std::string credentials);
    ForwardProxy(ForwardProxy const&) = delete;
    ForwardProxy& operator=(ForwardProxy const&) = delete;
    ~ForwardProxy();

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::vector<std::string> heads() const;  // raw, in order
    [[nodiscard]] std::size_t refused() const;             // 407 answers

  private:
    void accept_loop();
    void serve(Socket client);
    void tunnel(Socket& client, Socket& target);

    std::string expected_;  // the header's value
    std::uint16_t port_ = 0;
    Fd listener_;
    Event stop_;
    mutable std::mutex mutex_;
    std::condition_variable ended_;
    std::vector<std::string> heads_;
    std::size_t refused_ = 0;
    std::size_t threads_running_ = 0;
    std::thread acceptor_;
};

}  // namespace sluice::test
