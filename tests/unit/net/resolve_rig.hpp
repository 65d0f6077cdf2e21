// A name server on loopback UDP whose answers a test decides. For the resolver's tests.
#pragma once

#include <arpa/inet.h>
#include <atomic>
#include <map>
#include <mutex>
#include <netinet/in.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace sluice::net::upstream_test {

class NameServer {
  public:
    struct Zone {
        std::vector<std::string> v4;
        std::vector<std::string> v6;
        std::uint32_t ttl = 60;
        bool silent = false;
        int rcode = 0;
    };

    NameServer() {
        fd_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::bind(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a);
        socklen_t size = sizeof a;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size);
        address_ = "127.0.0.1:" + std::to_string(ntohs(a.sin_port));
        thread_ = std::thread{[this] { serve(); }};
    }
    NameServer(NameServer const&) = delete;
    NameServer& operator=(NameServer const&) = delete;
    ~NameServer() {
        stop_ = true;
        thread_.join();
        ::close(fd_);
    }
    void set(std::string const& name, Zone zone) {
        std::lock_guard const lock{mutex_};
        zones_[name] = std::move(zone);
    }
    [[nodiscard]] std::string const& address() const { return address_; }
    // Questions for that name, both types.
    unsigned asked(std::string const& name) {
        std::lock_guard const lock{mutex_};
        return asked_[name];
    }

  private:
    void serve() {
        while (!stop_) {
            pollfd p{fd_, POLLIN, 0};
            if (::poll(&p, 1, 20) != 1) continue;
            unsigned char bytes[512];
            sockaddr_in from{};
            socklen_t size = sizeof from;
            auto const n =
                ::recvfrom(fd_, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&from), &size);
            if (n < 17) continue;
            auto const reply = answer({reinterpret_cast<char*>(bytes), static_cast<size_t>(n)});
            if (reply.empty()) continue;
            ::sendto(fd_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
        }
    }
    std::string answer(std::string const& query) {
        std::string name;
        std::size_t at = 12;
        while (at < query.size() && query[at] != 0) {
            auto const n = static_cast<unsigned char>(query[at]);
            if (!name.empty()) name += '.';
            name += query.substr(at + 1, n);
            at += n + 1u;
        }
        auto const question = query.substr(12, at + 5 - 12);
        int const type = static_cast<unsigned char>(query[at + 2]);
        std::lock_guard const lock{mutex_};
        ++asked_[name];
        auto const found = zones_.find(name);
        Zone const zone = found == zones_.end() ? Zone{{}, {}, 60, false, 3} : found->second;
        if (zone.silent) return "";
        int const family = type == 1 ? AF_INET : type == 28 ? AF_INET6 : AF_UNSPEC;
        static std::vector<std::string> const none;
        auto const& texts = family == AF_INET ? zone.v4 : family == AF_INET6 ? zone.v6 : none;
        std::string out = query.substr(0, 2);
        out += '\x81';
        out += static_cast<char>(0x80 | zone.rcode);
        out += std::string("\0\1\0", 3) + static_cast<char>(texts.size()) + std::string(4, '\0');
        out += question;
        for (auto const& text : texts) {
            unsigned char address[16];
            ::inet_pton(family, text.c_str(), address);
            char const length = family == AF_INET ? 4 : 16;
            out += std::string("\xc0\x0c\0", 3) + static_cast<char>(type) + std::string("\0\1", 2);
            for (int shift : {24, 16, 8, 0}) out += static_cast<char>(zone.ttl >> shift & 0xff);
            out += std::string(1, '\0') + length;
            out.append(reinterpret_cast<char*>(address), static_cast<std::size_t>(length));
        }
        return out;
    }

    int fd_ = -1;
    std::string address_;
    std::mutex mutex_;
    std::map<std::string, Zone> zones_;
    std::map<std::string, unsigned> asked_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace sluice::net::upstream_test
