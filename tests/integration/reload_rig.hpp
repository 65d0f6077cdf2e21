// Requests without a pause while a test changes the configuration under them. Used by the reload
// tests.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "integration/fixture.hpp"

namespace sluice::test {

// What one request of the load came to.
struct Done {
    Clock::time_point started{};
    int status = 0;
    std::string text;  // the answer's content: the upstream says in it who it is
};

// Asks on kept-alive connections until it is stopped; a connection the gateway closes between two
// answers is opened anew.
class Load {
  public:
    Load(std::uint16_t port, int clients, std::string model = "m-1", std::string key = test_key);
    ~Load() { stop(); }
    // Blocks until at least n more requests were begun and answered from now on.
    void wait_for(std::size_t n);
    std::vector<Done> stop();

  private:
    void run(std::uint16_t port, Request const& request);

    std::atomic<bool> stopping_{false};
    std::mutex mutex_;
    std::vector<Done> done_;
    std::vector<std::thread> threads_;
};

// The content of a chat answer, "" when it is none.
std::string content_of(Answer const& answer);

}  // namespace sluice::test
