#include "base/random.hpp"

#include <cerrno>
#include <sys/random.h>
#include <system_error>

namespace sluice {

Random::Random() {
    auto* at = reinterpret_cast<char*>(state_.data());
    for (std::size_t left = sizeof state_; left > 0;) {
        auto const got = ::getrandom(at, left, 0);
        if (got < 0) {
            if (errno == EINTR) continue;
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
        at += got;
        left -= static_cast<std::size_t>(got);
    }
}

Random& Random::of_this_thread() {
    thread_local Random random;
    return random;
}

}  // namespace sluice
