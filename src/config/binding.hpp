// Binding<T>: how a node becomes a T, what may stand there (Shape), and how a T's value is shown as
// a default. Small ones are put together to large ones by describe*.cpp; a field's default is what
// a default-made C++ struct holds, so it is written down once. Called at start-up only.
#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/prose.hpp"
#include "config/reader.hpp"
#include "config/shape.hpp"

namespace sluice::config {

template <class T>
struct Binding {
    Shape shape;
    std::function<void(Reader&, Node const&, T&)> read;
    std::function<Json(T const&)> show = [](T const&) { return Json(); };
    // The value as it stands after loading, secrets masked, for `check --print` and the admin API.
    // Empty: as shown.
    std::function<Json(T const&)> print;

    [[nodiscard]] Json printed(T const& value) const { return print ? print(value) : show(value); }
};

// nullopt = fine, else what is wrong, to follow the path: "is not ...". Never quotes the text.
using Check = std::function<std::optional<std::string>(std::string const&)>;

Binding<bool> boolean();
Binding<std::int64_t> integer(std::int64_t least, std::int64_t most);
Binding<int> small_integer(int least, int most);
Binding<double> fraction();  // 0 to 1
// `says` is what the reader expects: "a file path".
Binding<std::string> text(std::string says, Check check = nullptr, std::string pattern = "");
Binding<std::string> one_of(std::vector<std::string> choices);

// "must be a or b; did you mean ...", for texts out of a fixed set.
std::string choice_error(std::string const& given, std::vector<std::string> const& choices);

template <class E>
Binding<E> choice(std::vector<std::pair<std::string, E>> names) {
    std::vector<std::string> words;
    for (auto const& [word, value] : names) words.push_back(word);
    auto base = one_of(words);
    Binding<E> binding;
    binding.shape = base.shape;
    binding.read = [base, names](Reader& reader, Node const& node, E& out) {
        std::string word;
        base.read(reader, node, word);
        for (auto const& [name, value] : names) {
            if (name == word) out = value;
        }
    };
    binding.show = [names](E const& value) {
        for (auto const& [name, known] : names) {
            if (known == value) return Json(name);
        }
        return Json();
    };
    return binding;
}

template <class T>
Binding<std::optional<T>> optional(Binding<T> inner) {
    Binding<std::optional<T>> binding;
    binding.shape = inner.shape;
    binding.read = [inner](Reader& reader, Node const& node, std::optional<T>& out) {
        inner.read(reader, node, out.emplace());
    };
    binding.print = [inner](std::optional<T> const& value) {
        return value ? inner.printed(*value) : Json();
    };
    return binding;
}

template <class T>
Binding<std::vector<T>> list(Binding<T> entry, std::int64_t least, std::int64_t most) {
    Binding<std::vector<T>> binding;
    binding.shape.type = Shape::Type::list;
    binding.shape.least = least;
    binding.shape.most = most;
    binding.shape.parts = {entry.shape};
    binding.read = [entry, least, most](Reader& reader, Node const& node, std::vector<T>& out) {
        if (node.kind != Node::Kind::sequence) return reader.wrong_type(node, "a list");
        auto const count = static_cast<std::int64_t>(node.items.size());
        if (count < least || count > most) {
            return reader.error(node.place, "must have " + std::to_string(least) + " to " +
                                                std::to_string(most) + " entries");
        }
        out.clear();
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            Reader::Step const step(reader, "[" + std::to_string(i) + "]");
            T value{};
            entry.read(reader, *node.items[i], value);
            out.push_back(std::move(value));
        }
    };
    binding.show = [entry](std::vector<T> const& values) {
        Json shown = Json::array();
        for (auto const& value : values) shown.push_back(entry.show(value));
        return shown;
    };
    binding.print = [entry](std::vector<T> const& values) {
        Json printed = Json::array();
        for (auto const& value : values) printed.push_back(entry.printed(value));
        return printed;
    };
    return binding;
}

// name -> entry, kept in file order; the name goes into a member of the entry.
template <class T>
struct Named {
    std::string says;  // what the names are: "provider name"
    std::string T::*name;
    Check check_name;
    std::string pattern;                                            // the names, for the schema
    std::function<T(Reader&)> fresh = [](Reader&) { return T{}; };  // what an entry starts from
};

template <class T>
Binding<std::vector<T>> named(Named<T> how, Binding<T> entry, std::int64_t most) {
    Binding<std::vector<T>> binding;
    binding.shape.type = Shape::Type::map;
    binding.shape.most = most;
    binding.shape.says = how.says;
    binding.shape.pattern = how.pattern;
    binding.shape.parts = {entry.shape};
    binding.read = [how, entry, most](Reader& reader, Node const& node, std::vector<T>& out) {
        if (node.kind == Node::Kind::null) return;
        if (node.kind != Node::Kind::map) {
            return reader.wrong_type(node, "a map from " + how.says + " to its settings");
        }
        if (static_cast<std::int64_t>(node.entries.size()) > most) {
            return reader.error(node.place, "has more than " + std::to_string(most) + " entries");
        }
        for (auto const& [key, place, value] : node.entries) {
            Reader::Step const step(reader, key);
            if (how.check_name) {
                if (auto const wrong = how.check_name(key)) reader.error(place, *wrong);
            }
            T made = how.fresh(reader);
            made.*how.name = key;
            made.place = place;
            entry.read(reader, *value, made);
            out.push_back(std::move(made));
        }
    };
    binding.print = [how, entry](std::vector<T> const& values) {
        Json printed = Json::object();
        for (auto const& value : values) printed[value.*how.name] = entry.printed(value);
        return printed;
    };
    return binding;
}

// One binding for each kind of node; a missing one is the wrong type.
template <class T>
struct Forms {
    std::string says;  // "a target, or a map of settings"
    std::optional<Binding<T>> scalar, sequence, map;
};

template <class T>
Binding<T> either(Forms<T> forms) {
    Binding<T> binding;
    binding.shape.type = Shape::Type::forms;
    binding.shape.says = forms.says;
    for (auto const* form : {&forms.scalar, &forms.sequence, &forms.map}) {
        if (*form) binding.shape.parts.push_back((*form)->shape);
    }
    binding.read = [forms](Reader& reader, Node const& node, T& out) {
        auto const& form = node.kind == Node::Kind::scalar     ? forms.scalar
                           : node.kind == Node::Kind::sequence ? forms.sequence
                                                               : forms.map;
        if (!form) return reader.wrong_type(node, forms.says);
        form->read(reader, node, out);
    };
    // The longest form says everything.
    for (auto const* form : {&forms.scalar, &forms.sequence, &forms.map}) {
        if (*form && (*form)->print) binding.print = (*form)->print;
    }
    return binding;
}

// A map with fixed keys that fills a struct.
template <class T>
class Described {
  public:
    Described(std::string title, std::string doc) {
        shape_.type = Shape::Type::object;
        shape_.title = std::move(title);
        shape_.doc = std::move(doc);
    }

    template <class M>
    Described& field(std::string name, M T::*member, Binding<M> binding, std::string doc,
                     bool is_required = false) {
        auto fallback = is_required ? Json() : binding.show(T{}.*member);
        shape_.fields.push_back({name, std::move(doc), binding.shape, fallback, is_required});
        readers_.push_back([read = binding.read, member](Reader& reader, Node const& node, T& out) {
            read(reader, node, out.*member);
        });
        printers_.push_back(
            [binding, member](T const& value) { return binding.printed(value.*member); });
        return *this;
    }

    // A field that is read into something other than one member.
    Described& field(std::string name, Shape shape, std::string doc,
                     std::function<void(Reader&, Node const&, T&)> read, Json fallback = {},
                     bool is_required = false) {
        shape_.fields.push_back({name, std::move(doc), std::move(shape), fallback, is_required});
        readers_.push_back(std::move(read));
        printers_.emplace_back();
        return *this;
    }

    // How the field before this is printed; without it such a field is not.
    Described& printed(std::function<Json(T const&)> print) {
        printers_.back() = std::move(print);
        return *this;
    }

    // Runs when all fields have been read, also when some were wrong.
    Described& afterwards(std::function<void(Reader&, Node const&, T&)> run) {
        afterwards_ = std::move(run);
        return *this;
    }

    Binding<T> done() const {
        Binding<T> binding;
        binding.shape = shape_;
        // Shared: bindings are copied at every level of what holds them.
        auto const self = std::make_shared<Described const>(*this);
        binding.read = [self](Reader& reader, Node const& node, T& out) {
            self->read_fields(reader, node, out);
        };
        binding.print = [self](T const& value) {
            Json printed = Json::object();
            for (std::size_t i = 0; i < self->printers_.size(); ++i) {
                if (!self->printers_[i]) continue;
                printed[self->shape_.fields[i].name] = self->printers_[i](value);
            }
            return printed;
        };
        return binding;
    }

  private:
    void read_fields(Reader& reader, Node const& node, T& out) const {
        if (node.kind != Node::Kind::map && node.kind != Node::Kind::null) {
            return reader.wrong_type(node, "a map of settings");
        }
        if constexpr (requires { out.place; }) {
            if (out.place.line == 0) out.place = node.place;
        }
        auto const misspelt = tell_unknown(reader, node);
        for (std::size_t i = 0; i < shape_.fields.size(); ++i) {
            auto const& field = shape_.fields[i];
            Reader::Step const step(reader, field.name);
            if (auto const* entry = node.find(field.name)) {
                readers_[i](reader, *entry->value, out);
            } else if (field.is_required && misspelt == 0) {
                reader.error(place_of(node, out), "is missing");
            }
        }
        if (afterwards_) afterwards_(reader, node, out);
    }

    // How many keys are not fields. While there are any, a field that is missing is not told: it is
    // likely one of them.
    std::size_t tell_unknown(Reader& reader, Node const& node) const {
        std::vector<std::string> names;
        for (auto const& field : shape_.fields) names.push_back(field.name);
        std::size_t unknown = 0;
        for (auto const& entry : node.entries) {
            if (std::find(names.begin(), names.end(), entry.key) != names.end()) continue;
            ++unknown;
            reader.error(entry.place,
                         "has no setting " + in_quotes(entry.key) + suggestion(entry.key, names));
        }
        return unknown;
    }

    static Place place_of(Node const& node, T const& out) {
        if constexpr (requires { out.place; }) {
            return out.place;
        } else {
            return node.place;
        }
    }

    Shape shape_;
    std::vector<std::function<void(Reader&, Node const&, T&)>> readers_;
    std::vector<std::function<Json(T const&)>> printers_;
    std::function<void(Reader&, Node const&, T&)> afterwards_;
};

}  // namespace sluice::config
