// Texts as small numbers: the table `word`, with a bounded cache before it. 0 is the empty text.
// Part of the projection's transaction: forget() when one was rolled back.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "store/sqlite/database.hpp"

namespace sluice::store {

class Words {
  public:
    static Result<Words> open(Database& database);

    // The text's number, made when it has none.
    Result<std::int64_t> number_of(std::string_view text);
    void forget() noexcept { cache_.clear(); }

  private:
    static constexpr std::size_t cache_max = 50'000;

    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    Words() = default;

    Statement find_;
    Statement add_;
    std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> cache_;
};

}  // namespace sluice::store
