// The part of a Stream that the reactor refers to: descriptor, waiters, TLS state. Counted, because
// an operation of the reactor may outlive the Stream by one turn of the io_context.
//
// Included by stream.cpp and stream_tls.cpp only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <openssl/ssl.h>

#include "net/stream.hpp"

namespace sluice::net {

using Descriptor =
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

class Stream::Core {
  public:
    Core(boost::asio::io_context& io, int fd) : descriptor(io.get_executor(), fd) {}
    ~Core() { SSL_free(ssl); }

    void arm(Interest side) noexcept;
    void close() noexcept;
    [[nodiscard]] bool has_pending() const noexcept;

    void add_reference() noexcept { ++references; }
    void release() noexcept {
        if (--references == 0) delete this;
    }

    Descriptor descriptor;
    SSL* ssl = nullptr;
    Watcher* reader = nullptr;
    Watcher* writer = nullptr;
    std::uint32_t references = 1;
    bool read_armed = false;  // an operation of the reactor is outstanding
    bool write_armed = false;
    bool read_dry = false;  // the last TLS read wanted the socket: what OpenSSL holds is no use yet
    bool tls_dead = false;  // no SSL call but SSL_free is allowed any more
    bool handshaken = false;
    bool write_pending = false;  // a TLS record is half sent
    bool reset_on_close = false;
};

namespace tls {
IoResult read(Stream::Core& core, std::span<char> into) noexcept;
IoResult write(Stream::Core& core, std::span<iovec const> pieces) noexcept;
IoResult handshake(Stream::Core& core) noexcept;
void attach(Stream::Core& core, SSL* ssl) noexcept;
void close_notify(Stream::Core& core) noexcept;
}  // namespace tls

}  // namespace sluice::net
