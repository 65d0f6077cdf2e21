// See raw_client.hpp.
#include "support/raw_client.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <strings.h>

namespace sluice::test {

namespace {

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

milliseconds left(Clock::time_point until) {
    return std::max(milliseconds{0},
                    std::chrono::duration_cast<milliseconds>(until - Clock::now()));
}

}  // namespace

std::optional<std::string> Answer::header(std::string_view name) const {
    Received as_head;
    as_head.head = head;
    return as_head.header(name);
}

std::vector<std::string> Answer::frames() const {
    std::vector<std::string> all;
    std::size_t at = 0;
    for (std::size_t end = 0; (end = body.find("\n\n", at)) != std::string::npos; at = end + 2) {
        all.push_back(body.substr(at, end + 2 - at));
    }
    return all;
}

bool RawClient::connect_tls(SSL_CTX* context, std::string const& server_name) {
    return socket_.connect_tls(context, server_name, milliseconds{20'000});
}

Io RawClient::send(std::string_view bytes, milliseconds within) {
    return socket_.write_all(bytes, within);
}

bool RawClient::read_until(std::string_view mark, milliseconds within) {
    auto const until = Clock::now() + within;
    while (buffer_.find(mark) == std::string::npos) {
        if (socket_.read_some(buffer_, left(until)) != Io::ok) return false;
    }
    return true;
}

Io RawClient::read_to_end(milliseconds within) {
    auto const until = Clock::now() + within;
    for (;;) {
        Io const io = socket_.read_some(buffer_, left(until));
        if (io != Io::ok) return io;
    }
}

bool RawClient::fill(Clock::time_point until, Answer& answer) {
    Io const io = socket_.read_some(buffer_, left(until));
    if (io == Io::reset) answer.reset = true;
    return io == Io::ok;
}

Answer RawClient::read_answer(bool head_only, milliseconds within) {
    auto const until = Clock::now() + within;
    Answer answer;
    for (;;) {
        std::size_t end = 0;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
            if (!fill(until, answer)) return answer;
        }
        answer.head = buffer_.substr(0, end + 4);
        buffer_.erase(0, end + 4);
        if (!answer.head.starts_with("HTTP/1.")) return answer;
        answer.status = std::atoi(answer.head.c_str() + 9);
        if (answer.status / 100 != 1) break;
        answer.interim.push_back(answer.status);
    }
    if (head_only || answer.status == 204 || answer.status == 304) {
        answer.complete = true;
        return answer;
    }
    if (auto const length = answer.header("Content-Length")) {
        auto const bytes = static_cast<std::size_t>(std::stoull(*length));
        while (buffer_.size() < bytes && fill(until, answer)) {
        }
        answer.complete = buffer_.size() >= bytes;
        answer.body = buffer_.substr(0, bytes);
        buffer_.erase(0, answer.body.size());
    } else if (answer.header("Transfer-Encoding")) {
        read_chunked(until, answer);
    } else {
        while (fill(until, answer)) {
        }
        answer.complete = !answer.reset;
        answer.body = std::exchange(buffer_, {});
    }
    return answer;
}

void RawClient::read_chunked(Clock::time_point until, Answer& answer) {
    for (;;) {
        std::size_t eol = 0;
        while ((eol = buffer_.find("\r\n")) == std::string::npos) {
            if (!fill(until, answer)) return;
        }
        auto const bytes = std::strtoull(buffer_.c_str(), nullptr, 16);
        while (buffer_.size() < eol + 2 + bytes + 2) {
            if (fill(until, answer)) continue;
            answer.body += buffer_.substr(std::min(buffer_.size(), eol + 2));  // cut inside
            return;
        }
        answer.body += buffer_.substr(eol + 2, bytes);
        buffer_.erase(0, eol + 2 + bytes + 2);
        if (bytes != 0) continue;
        answer.complete = true;
        return;
    }
}

std::string to_wire(Request const& request) {
    std::string wire = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
    auto const has = [&](std::string_view name) {
        return std::any_of(request.headers.begin(), request.headers.end(),
                           [&](auto const& field) { return same_name(field.first, name); });
    };
    if (!has("Host")) wire += "Host: gateway\r\n";
    for (auto const& [name, value] : request.headers) {
        wire += fmt::format("{}: {}\r\n", name, value);
    }
    if (!has("Content-Length") && !has("Transfer-Encoding") &&
        (!request.body.empty() || request.method == "POST")) {
        wire += fmt::format("Content-Length: {}\r\n", request.body.size());
    }
    return wire + "\r\n" + request.body;
}

Answer fetch(std::uint16_t port, Request const& request, milliseconds within) {
    RawClient client(port);
    if (client.send(to_wire(request)) == Io::stopped) return {};
    return client.read_answer(request.method == "HEAD", within);
}

}  // namespace sluice::test
