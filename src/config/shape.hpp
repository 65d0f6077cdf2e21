// The description of the configuration as data: what may stand where. Made by binding.hpp together
// with the reading itself; schema.cpp and reference_page.cpp turn it into their files.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace sluice::config {

using Json = nlohmann::ordered_json;

struct Field;

// A list that its copies share until one of them is added to. Bindings are copied at every level of
// what holds them: with lists of their own the description took 4 MB instead of 0.3.
template <class T>
class SharedList {
  public:
    SharedList() = default;
    SharedList(std::initializer_list<T> items) : items_(std::make_shared<std::vector<T>>(items)) {}

    void push_back(T item) {
        if (!items_ || items_.use_count() > 1) {
            items_ = items_ ? std::make_shared<std::vector<T>>(*items_)
                            : std::make_shared<std::vector<T>>();
        }
        items_->push_back(std::move(item));
    }

    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t size() const noexcept { return items_ ? items_->size() : 0; }
    [[nodiscard]] T const* begin() const noexcept { return items_ ? items_->data() : nullptr; }
    [[nodiscard]] T const* end() const noexcept { return begin() + size(); }
    [[nodiscard]] T const& operator[](std::size_t i) const noexcept { return (*items_)[i]; }
    [[nodiscard]] T const& front() const noexcept { return (*items_)[0]; }

  private:
    std::shared_ptr<std::vector<T>> items_;
};

struct Shape {
    enum class Type { boolean, integer, fraction, text, object, list, map, forms };

    Type type = Type::text;
    std::int64_t least = 0;  // integer: its range; list and map: how many entries
    std::int64_t most = 0;
    std::vector<std::string> choices;  // text: one of these; empty: any
    std::string says;                  // what it is, in a few words: "host:port or unix:/path"
    std::string pattern;               // text, keys of a map: an ECMAScript regex for the schema
    bool is_secret = false;
    std::string title;         // object: its heading on the reference page
    std::string doc;           // object: a sentence or two
    SharedList<Field> fields;  // object
    SharedList<Shape> parts;   // list and map: the entry; forms: each of them
};

struct Field {
    std::string name;
    std::string doc;
    Shape shape;
    Json fallback;  // null: none to show
    bool is_required = false;
};

}  // namespace sluice::config
