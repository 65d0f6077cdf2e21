// TLS on the descriptor itself: an own BIO (recv and send without SIGPIPE), reads and writes until
// OpenSSL wants the socket. See stream.hpp.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <tuple>

#include "net/stream_core.hpp"

namespace sluice::net::tls {
namespace {

constexpr std::size_t record_bytes = 16 * 1024;

Stream::Core& core_of(BIO* bio) noexcept { return *static_cast<Stream::Core*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* into, int bytes) {
    BIO_clear_retry_flags(bio);
    auto& core = core_of(bio);
    ssize_t n;
    do n = ::recv(core.fd(), into, static_cast<std::size_t>(bytes), 0);
    while (n < 0 && errno == EINTR);
    bool const is_blocked = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (n > 0 || is_blocked) core.note_received(n, static_cast<std::size_t>(bytes));
    if (is_blocked) BIO_set_retry_read(bio);
    if (n == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return static_cast<int>(n);
}

int bio_write(BIO* bio, char const* from, int bytes) {
    BIO_clear_retry_flags(bio);
    ssize_t n;
    do n = ::send(core_of(bio).fd(), from, static_cast<std::size_t>(bytes), MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_write(bio);
    return static_cast<int>(n);
}

long bio_control(BIO* bio, int command, long, void*) {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_EOF:
            return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
        default:
            return 0;
    }
}

int bio_create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD* descriptor_bio() {
    static BIO_METHOD* const method = [] {
        auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice descriptor");
        BIO_meth_set_read(m, bio_read);
        BIO_meth_set_write(m, bio_write);
        BIO_meth_set_ctrl(m, bio_control);
        BIO_meth_set_create(m, bio_create);
        return m;
    }();
    return method;
}

IoResult to_result(Stream::Core& core, int returned, Interest side) noexcept {
    auto const sys = errno;
    switch (SSL_get_error(core.ssl, returned)) {
        case SSL_ERROR_WANT_READ:
            return {.wants = Interest::read};
        case SSL_ERROR_WANT_WRITE:
            return {.wants = Interest::write};
        case SSL_ERROR_ZERO_RETURN:
            return {.kind = IoResult::Kind::eof, .wants = side};
        case SSL_ERROR_SYSCALL: {
            core.tls_dead = true;
            bool const ended = BIO_eof(SSL_get_rbio(core.ssl)) == 1 || sys == 0;
            if (ended) return {.kind = IoResult::Kind::truncated, .wants = side};
            return {.kind = IoResult::Kind::error, .wants = side, .sys = sys};
        }
        default:
            break;
    }
    core.tls_dead = true;
    auto const code = ERR_get_error();
    ERR_clear_error();
    if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return {.kind = IoResult::Kind::truncated, .wants = side};
    }
    return {.kind = IoResult::Kind::error, .wants = side, .tls = code};
}

IoResult dead() noexcept { return {.kind = IoResult::Kind::error, .sys = EPIPE}; }

}  // namespace

void attach(Stream::Core& core, SSL* ssl) noexcept {
    core.ssl = ssl;
    SSL_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_set_read_ahead(ssl, 1);  // a record costs one recv, not two
    auto* bio = BIO_new(descriptor_bio());
    if (!bio) {
        core.tls_dead = true;
        return;
    }
    BIO_set_data(bio, &core);
    SSL_set_bio(ssl, bio, bio);
}

IoResult handshake(Stream::Core& core) noexcept {
    if (core.tls_dead) return dead();
    ERR_clear_error();
    errno = 0;
    auto const returned = SSL_do_handshake(core.ssl);
    if (returned == 1) {
        core.handshaken = true;
        core.read_dry = false;
        return {.kind = IoResult::Kind::bytes};
    }
    auto const result = to_result(core, returned, Interest::read);
    core.read_dry = result.blocked();  // a part of a record is no reason to go on
    return result;
}

IoResult read(Stream::Core& core, std::span<char> into) noexcept {
    if (core.tls_dead) return dead();
    ERR_clear_error();
    errno = 0;
    // Several records may be ready: take what fits, so that one wake-up is one turn.
    std::size_t total = 0;
    core.read_dry = false;
    while (total < into.size()) {
        std::size_t n = 0;
        auto const returned = SSL_read_ex(core.ssl, into.data() + total, into.size() - total, &n);
        if (returned == 1) {
            total += n;
            if (SSL_has_pending(core.ssl) == 1) continue;
            std::ignore = SSL_free_buffers(core.ssl);
            break;
        }
        auto const result = to_result(core, returned, Interest::read);
        if (result.blocked()) core.read_dry = true;
        if (total == 0) return result;
        break;  // an end or error is found again by the next call
    }
    return {.kind = IoResult::Kind::bytes, .bytes = total};
}

IoResult write(Stream::Core& core, std::span<iovec const> pieces) noexcept {
    if (core.tls_dead) return dead();
    // Gathered here into whole records: a record per piece would cost a system call each.
    thread_local std::array<char, record_bytes> record;
    std::size_t total = 0;
    std::size_t piece = 0;
    std::size_t offset = 0;
    while (piece < pieces.size()) {
        char const* data = nullptr;
        std::size_t bytes = 0;
        auto const rest = pieces[piece].iov_len - offset;
        if (rest >= record_bytes) {
            data = static_cast<char const*>(pieces[piece].iov_base) + offset;
            bytes = record_bytes;
        } else {
            auto at = piece;
            auto from = offset;
            while (at < pieces.size() && bytes < record_bytes) {
                auto const take = std::min(pieces[at].iov_len - from, record_bytes - bytes);
                if (take > 0) {
                    std::memcpy(record.data() + bytes,
                                static_cast<char const*>(pieces[at].iov_base) + from, take);
                }
                bytes += take;
                from = 0;
                ++at;
            }
            data = record.data();
        }
        if (bytes == 0) break;
        ERR_clear_error();
        errno = 0;
        std::size_t n = 0;
        auto const returned = SSL_write_ex(core.ssl, data, bytes, &n);
        if (returned != 1) {
            auto const result = to_result(core, returned, Interest::write);
            core.write_pending = result.blocked();
            if (total == 0) return result;
            break;
        }
        core.write_pending = false;
        total += n;
        while (n > 0) {
            auto const step = std::min(n, pieces[piece].iov_len - offset);
            n -= step;
            offset += step;
            if (offset == pieces[piece].iov_len) {
                ++piece;
                offset = 0;
            }
        }
        while (piece < pieces.size() && offset == pieces[piece].iov_len) {
            ++piece;
            offset = 0;
        }
    }
    return {.kind = IoResult::Kind::bytes, .bytes = total};
}

void close_notify(Stream::Core& core) noexcept {
    if (core.tls_dead || !core.handshaken || core.write_pending) return;
    ERR_clear_error();
    // One call sends ours; the other side's is not waited for.
    if ((SSL_get_shutdown(core.ssl) & SSL_SENT_SHUTDOWN) == 0) SSL_shutdown(core.ssl);
    ERR_clear_error();
}

}  // namespace sluice::net::tls
