#include "engine/runtime.hpp"

namespace sluice::engine {
namespace {

template <class T, class... Args>
std::shared_ptr<T> find_or_make(std::map<std::string, std::shared_ptr<T>>& known,
                                std::string const& identity, Args... args) {
    auto& entry = known[identity];
    if (!entry) entry = std::make_shared<T>(args...);
    return entry;
}

}  // namespace

std::shared_ptr<HealthTable> Runtime::target_health(std::string const& identity,
                                                    bool passes_through) {
    return find_or_make(targets_, identity, passes_through);
}

std::shared_ptr<provider::CredentialHealth> Runtime::credential_health(
    std::string const& identity) {
    return find_or_make(credentials_, identity);
}

std::shared_ptr<provider::CallStats> Runtime::call_stats(std::string const& identity) {
    return find_or_make(stats_, identity);
}

std::shared_ptr<net::Handler> Runtime::inproc(
    std::string const& identity, std::function<std::shared_ptr<net::Handler>()> const& make) {
    auto& entry = inproc_[identity];
    if (!entry) entry = make();
    return entry;
}

void Runtime::sweep() {
    std::erase_if(targets_, [](auto const& entry) { return entry.second.use_count() == 1; });
    std::erase_if(stats_, [](auto const& entry) { return entry.second.use_count() == 1; });
    std::erase_if(inproc_, [](auto const& entry) { return entry.second.use_count() <= 1; });
    std::erase_if(credentials_, [](auto const& entry) { return entry.second.use_count() == 1; });
}

}  // namespace sluice::engine
