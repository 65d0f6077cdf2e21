// See reload_rig.hpp.
#include "integration/reload_rig.hpp"

namespace sluice::test {

std::string content_of(Answer const& answer) {
    auto const body = nlohmann::json::parse(answer.body, nullptr, false);
    if (!body.is_object() || !body.contains("choices")) return "";
    return body["choices"][0]["message"]["content"].get<std::string>();
}

Load::Load(std::uint16_t port, int clients, std::string model, std::string key) {
    auto request = chat_request(chat_body(model));
    request.headers = with_key(key);
    for (int i = 0; i < clients; ++i) {
        threads_.emplace_back([this, port, request] { run(port, request); });
    }
}

void Load::run(std::uint16_t port, Request const& request) {
    auto const wire = to_wire(request);
    std::unique_ptr<RawClient> client;
    while (!stopping_) {
        if (!client) client = std::make_unique<RawClient>(port);
        Done done;
        done.started = Clock::now();
        if (!client->connected()) std::this_thread::sleep_for(milliseconds{5});
        client->send(wire);
        auto const answer = client->read_answer();
        done.status = answer.status;
        done.text = content_of(answer);
        if (answer.status == 0 || answer.header("connection") == "close") client.reset();
        std::lock_guard const lock(mutex_);
        done_.push_back(std::move(done));
    }
}

void Load::wait_for(std::size_t n) {
    auto const from = Clock::now();
    for (;;) {
        {
            std::lock_guard const lock(mutex_);
            std::size_t seen = 0;
            for (auto const& done : done_) seen += done.started >= from;
            if (seen >= n) return;
        }
        std::this_thread::sleep_for(milliseconds{2});
    }
}

std::vector<Done> Load::stop() {
    stopping_ = true;
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    return done_;
}

}  // namespace sluice::test
