// Clients of the tests: RawClient says exactly which bytes go out and when; request() is the sane
// one for assertions. Neither shares code with sluice::net.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/fake_upstream.hpp"
#include "support/socket.hpp"

namespace sluice::test {

// An HTTP answer as a client sees it.
struct Answer {
    int status = 0;            // 0 = none came
    std::string head;          // raw
    std::string body;          // transfer coding removed
    bool complete = false;     // ended as its framing says
    bool reset = false;        // the connection broke off with RST
    std::vector<int> interim;  // 1xx seen before

    [[nodiscard]] std::optional<std::string> header(std::string_view name) const;
    // Complete "...\n\n" frames of an event stream, blank line included.
    [[nodiscard]] std::vector<std::string> frames() const;
};

class RawClient {
  public:
    explicit RawClient(std::uint16_t port, int receive_buffer = 0)
        : socket_(connect_to_loopback(port, receive_buffer)) {}
    explicit RawClient(std::string const& unix_path) : socket_(connect_to_unix(unix_path)) {}

    bool connect_tls(SSL_CTX* context, std::string const& server_name = "localhost");
    Io send(std::string_view bytes, milliseconds within = milliseconds{20'000});
    // Reads until `mark` is among what came and was not consumed; false on close or timeout.
    bool read_until(std::string_view mark, milliseconds within = milliseconds{20'000});
    // Everything until the peer closes. Io::timeout when it does not.
    Io read_to_end(milliseconds within = milliseconds{20'000});
    // One answer by its framing. `head_only`: the answer to a HEAD request.
    Answer read_answer(bool head_only = false, milliseconds within = milliseconds{20'000});

    [[nodiscard]] std::string const& received() const { return buffer_; }  // not yet consumed
    Socket& socket() { return socket_; }
    [[nodiscard]] bool connected() const { return socket_.open(); }

  private:
    bool fill(Clock::time_point until, Answer& answer);
    void read_chunked(Clock::time_point until, Answer& answer);

    Socket socket_;
    std::string buffer_;
};

struct Request {
    std::string method = "POST";
    std::string target = "/v1/chat/completions";
    Headers headers;  // Host and Content-Length are added when missing
    std::string body;
};

std::string to_wire(Request const& request);
// On a connection of its own, closed afterwards.
Answer fetch(std::uint16_t port, Request const& request,
             milliseconds within = milliseconds{20'000});

}  // namespace sluice::test
