// Bytes received and not yet used: of a head that is still incomplete, of a body, of later
// requests. Holds no memory while empty.
//
// Called by: http1_session. Calls: http::Body. Thread: one worker.
#pragma once

#include <string_view>
#include <utility>

#include "sluice/http.hpp"

namespace sluice::net {

class InputBuffer {
  public:
    [[nodiscard]] std::string_view view() const { return bytes_.view().substr(from_); }
    [[nodiscard]] std::size_t size() const { return bytes_.size() - from_; }
    [[nodiscard]] bool is_empty() const { return size() == 0; }

    void append(std::string_view more) {
        if (more.empty()) return;
        if (is_empty()) clear();
        bytes_.append(more);
    }
    void consume(std::size_t n) {
        from_ += n;
        if (is_empty()) clear();
    }
    void clear() {
        bytes_ = http::Body{};
        from_ = 0;
    }
    // The first `n` bytes as a body; without a copy when there is nothing else.
    http::Body take(std::size_t n) {
        if (from_ == 0 && n == bytes_.size()) return std::exchange(bytes_, http::Body{});
        auto body = http::Body::copy_of(view().substr(0, n));
        consume(n);
        return body;
    }

  private:
    http::Body bytes_;
    std::size_t from_ = 0;
};

}  // namespace sluice::net
