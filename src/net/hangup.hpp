// Notices that the other side of a plain or TLS socket went away (FIN or RST) without reading from
// it, also while unread bytes (a pipelined request, an unread body) stand before the FIN.
//
// An epoll set of its own that asks for EPOLLRDHUP only, edge-triggered, and is itself watched by
// the worker's reactor. A socket is added once per connection; an exchange then costs no system call. The
// kernel sees a FIN only when what stands before it fits the receive window: a client that queued
// more than that and left is noticed when its bytes are read, or when the answer is written.
//
// Called by: http1 server session. Calls: epoll, Stream. Thread: the worker's.
#pragma once

#include <array>
#include <cstdint>

#include "net/stream.hpp"

namespace sluice::net {

class HangupWatch final : private Stream::Watcher {
  public:
    // Linked to one socket from add() to its own end. It ends in the same turn of the reactor in
    // which the socket is closed (closing takes the socket out of the epoll set).
    class Hook {
      public:
        Hook() = default;
        Hook(Hook const&) = delete;
        Hook& operator=(Hook const&) = delete;

      protected:
        ~Hook();

      private:
        friend class HangupWatch;
        // `whole`: both directions are gone (RST, error, peer closed); else a FIN only. May come
        // twice: first a FIN, later the whole.
        virtual void on_hangup(bool whole) noexcept = 0;
        HangupWatch* watch_ = nullptr;
    };

    HangupWatch() = default;
    HangupWatch(HangupWatch const&) = delete;
    HangupWatch& operator=(HangupWatch const&) = delete;
    ~HangupWatch() = default;

    void start(WorkerImpl& worker);
    void close() noexcept;
    void add(Hook& hook, int fd) noexcept;

  private:
    void on_ready(Interest interest) noexcept override;
    void on_closed() noexcept override {}
    void forget(Hook& hook) noexcept;

    static constexpr int batch = 64;

    Stream epoll_;
    std::array<Hook*, batch> current_{};  // the batch being delivered
    int current_count_ = 0;
};

}  // namespace sluice::net
