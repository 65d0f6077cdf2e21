#include "engine/runtime.hpp"

namespace sluice::engine {
namespace {

template <class T>
std::shared_ptr<T> find_or_make(std::map<std::string, std::shared_ptr<T>>& known,
                                std::string const& identity) {
    auto& entry = known[identity];
    if (!entry) entry = std::make_shared<T>();
    return entry;
}

}  // namespace

std::shared_ptr<TargetHealth> Runtime::target_health(std::string const& identity) {
    return find_or_make(targets_, identity);
}

std::shared_ptr<provider::CredentialHealth> Runtime::credential_health(
    std::string const& identity) {
    return find_or_make(credentials_, identity);
}

void Runtime::sweep() {
    std::erase_if(targets_, [](auto const& entry) { return entry.second.use_count() == 1; });
    std::erase_if(credentials_, [](auto const& entry) { return entry.second.use_count() == 1; });
}

}  // namespace sluice::engine
