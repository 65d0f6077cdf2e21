// AskList: what is asked of the store for one decision, and of whose rules. A worker has one, so
// that its memory is there when a request comes. Filled by asking.cpp.
#pragma once

#include <vector>

#include "stage/limiter/rules.hpp"
#include "store/memory/limit.hpp"

namespace sluice::stage {

struct AskList {
    std::vector<Rules const*> owners;
    std::vector<store::Ask> asks;  // of the owners' rules, in their order
    // Where asks were left out: which one each was, of all. Else empty.
    std::vector<std::size_t> places;

    void clear() noexcept {
        owners.clear();
        asks.clear();
        places.clear();
    }
};

}  // namespace sluice::stage
