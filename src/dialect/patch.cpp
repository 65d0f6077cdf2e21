// What all dialects share of include/sluice/dialect.hpp: names of operations.
#include "sluice/dialect.hpp"

namespace sluice {

std::string_view to_string(Operation operation) noexcept {
    switch (operation) {
        case Operation::chat:
            return "chat";
        case Operation::complete:
            return "complete";
        case Operation::embed:
            return "embed";
        case Operation::count:
            return "count";
    }
    return "";
}

}  // namespace sluice
