// One end of a connection of bench_mock or bench_load, plain or TLS, with the manners of recv and
// send. Called by mock.cpp and load*.cpp; calls the kernel and OpenSSL only.
#pragma once

#include <cerrno>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string_view>

#include "wire.hpp"

namespace bench {

struct Wire {
    int fd = -1;
    SSL* ssl = nullptr;  // none: plain TCP

    // As recv: 0 at the end, -1 and EAGAIN when there is nothing yet.
    ssize_t receive(char* to, std::size_t size) const {
        if (ssl == nullptr) return ::recv(fd, to, size, 0);
        auto const n = SSL_read(ssl, to, static_cast<int>(size));
        return n > 0 ? n : tell(n);
    }

    // As send, but takes all that fits: a TLS record holds 16 KiB.
    ssize_t transmit(std::string_view bytes) const {
        if (ssl == nullptr) return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        std::size_t done = 0;
        while (done < bytes.size()) {
            auto const n =
                SSL_write(ssl, bytes.data() + done, static_cast<int>(bytes.size() - done));
            if (n <= 0) return done > 0 ? static_cast<ssize_t>(done) : tell(n);
            done += static_cast<std::size_t>(n);
        }
        return static_cast<ssize_t>(done);
    }

    void shut() {
        if (ssl != nullptr) {
            ERR_clear_error();
            SSL_shutdown(ssl);
            SSL_free(ssl);
        }
        if (fd >= 0) close(fd);
        fd = -1;
        ssl = nullptr;
    }

  private:
    ssize_t tell(int result) const {
        auto const error = SSL_get_error(ssl, result);
        ERR_clear_error();
        if (error == SSL_ERROR_ZERO_RETURN) return 0;
        errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
        return -1;
    }
};

inline SSL_CTX* new_context(SSL_METHOD const* method) {
    auto* const context = SSL_CTX_new(method);
    if (context == nullptr) die("SSL_CTX_new");
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    return context;
}

// The mock's side. Without tickets each connection is a full handshake.
class TlsServer {
  public:
    TlsServer(std::string const& certificate, std::string const& key, bool resumes)
        : context_(new_context(TLS_server_method())) {
        if (SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) != 1 ||
            SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) != 1) {
            die(certificate.c_str());
        }
        if (!resumes) {
            SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
            SSL_CTX_set_options(context_, SSL_OP_NO_TICKET);
            SSL_CTX_set_num_tickets(context_, 0);
        }
    }

    // Shakes hands with the first reads.
    SSL* accept(int fd) const {
        auto* const ssl = SSL_new(context_);
        SSL_set_fd(ssl, fd);
        SSL_set_accept_state(ssl);
        return ssl;
    }

  private:
    SSL_CTX* context_;
};

// The load generator's side; keeps the newest session for the next connection when it resumes.
class TlsClient {
  public:
    TlsClient(std::string const& authority, bool resumes)
        : context_(new_context(TLS_client_method())) {
        if (SSL_CTX_load_verify_locations(context_, authority.c_str(), nullptr) != 1)
            die(authority.c_str());
        SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
        if (!resumes) return;
        SSL_CTX_set_session_cache_mode(context_,
                                       SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context_, [](SSL* ssl, SSL_SESSION* session) {
            auto* const self = static_cast<TlsClient*>(SSL_get_app_data(ssl));
            SSL_SESSION_free(self->newest_);
            self->newest_ = session;
            return 1;
        });
    }

    // Shakes hands before it returns; null when the other side refuses.
    SSL* connect(int fd) {
        auto* const ssl = SSL_new(context_);
        SSL_set_app_data(ssl, this);
        SSL_set_fd(ssl, fd);
        if (newest_ != nullptr) SSL_set_session(ssl, newest_);
        for (;;) {
            auto const n = SSL_connect(ssl);
            if (n == 1) break;
            auto const error = SSL_get_error(ssl, n);
            pollfd wait{fd, static_cast<short>(error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN),
                        0};
            bool const can_wait = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
            if (can_wait && poll(&wait, 1, 5000) == 1) continue;
            ERR_clear_error();
            SSL_free(ssl);
            return nullptr;
        }
        ++handshakes_;
        if (SSL_session_reused(ssl) == 1) ++resumed_;
        return ssl;
    }

    [[nodiscard]] unsigned long long handshakes() const { return handshakes_; }
    [[nodiscard]] unsigned long long resumed() const { return resumed_; }

  private:
    SSL_CTX* context_;
    SSL_SESSION* newest_ = nullptr;
    unsigned long long handshakes_ = 0;
    unsigned long long resumed_ = 0;
};

}  // namespace bench
