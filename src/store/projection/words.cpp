#include "store/projection/words.hpp"

namespace sluice::store {

Result<Words> Words::open(Database& database) {
    Words words;
    auto find = database.prepare("SELECT id FROM word WHERE text = ?");
    if (!find) return std::move(find).error();
    auto add = database.prepare("INSERT INTO word(text) VALUES(?) RETURNING id");
    if (!add) return std::move(add).error();
    words.find_ = std::move(*find);
    words.add_ = std::move(*add);
    return words;
}

Result<std::int64_t> Words::number_of(std::string_view text) {
    if (text.empty()) return 0;
    if (auto const known = cache_.find(text); known != cache_.end()) return known->second;
    std::int64_t number = 0;
    for (auto* statement : {&find_, &add_}) {
        statement->bind(1, text);
        auto found = statement->step();
        if (!found) return std::move(found).error();
        if (*found) number = statement->integer(0);
        statement->reset();
        if (*found) break;
    }
    if (cache_.size() >= cache_max) cache_.clear();
    cache_.emplace(text, number);
    return number;
}

}  // namespace sluice::store
