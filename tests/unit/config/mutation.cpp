// See mutation.hpp. Walks the tree and the description side by side, so it knows which keys are
// settings and which are names people choose.
#include "unit/config/mutation.hpp"

#include "config/describe.hpp"
#include "config/merge.hpp"

namespace sluice::config {
namespace {

using What = Mutation::What;

class Writer {
  public:
    explicit Writer(std::size_t wanted) : wanted_(wanted) {}

    Mutation made;
    std::size_t count = 0;

    void value(Shape const& shape, Node const& node) {
        auto const& form = form_of(shape, node);
        if (take(What::wrong_type, form.title + form.says)) {
            out(node.kind == Node::Kind::sequence ? "{wrong: {a: b}}" : "[[wrong]]");
        } else if (form.type == Shape::Type::integer && take(What::too_small, "a number")) {
            out(std::to_string(form.least - 1));
        } else if (form.type == Shape::Type::integer && take(What::too_large, "a number")) {
            out(std::to_string(form.most + 1));
        } else if (!form.choices.empty() && take(What::no_choice, node.text)) {
            out(node.text + "q");
        } else if (node.kind == Node::Kind::map) {
            map(form, node);
        } else if (node.kind == Node::Kind::sequence) {
            sequence(form, node);
        } else {
            scalar(node);
        }
    }

    void out(std::string const& text) {
        made.text += text;
        for (auto const c : text) line_ += c == '\n';
    }

  private:
    static Shape const& form_of(Shape const& shape, Node const& node) {
        if (shape.type != Shape::Type::forms) return shape;
        for (auto const& part : shape.parts) {
            bool const is_list = part.type == Shape::Type::list;
            bool const is_map = part.type == Shape::Type::map || part.type == Shape::Type::object;
            if (is_list == (node.kind == Node::Kind::sequence) &&
                is_map == (node.kind == Node::Kind::map)) {
                return part;
            }
        }
        return shape.parts.front();
    }

    bool take(What what, std::string const& name) {
        if (count++ != wanted_) return false;
        made.what = what;
        made.name = name;
        made.line = line_;
        return true;
    }

    void map(Shape const& shape, Node const& node) {
        out("{");
        for (auto const& [key, place, child] : node.entries) {
            out("\n");
            if (shape.type == Shape::Type::object) {
                out(take(What::misspelt, key) ? key + "q" : key);
                out(": ");
                for (auto const& field : shape.fields) {
                    if (field.name == key) value(field.shape, *child);
                }
            } else {
                out(Json(key).dump() + ": ");
                value(shape.parts.front(), *child);
            }
            out(",");
        }
        out("\n}");
    }

    void sequence(Shape const& shape, Node const& node) {
        out("[");
        for (auto const& item : node.items) {
            out("\n");
            value(shape.parts.front(), *item);
            out(",");
        }
        out("\n]");
    }

    void scalar(Node const& node) {
        bool const is_plain = node.kind == Node::Kind::scalar && !node.quoted &&
                              node.text.find_first_of(":,[]{}#") == node.text.npos;
        if (node.kind == Node::Kind::null) return out("~");
        out(is_plain ? node.text : Json(node.text).dump());
    }

    std::size_t wanted_;
    int line_ = 1;
};

}  // namespace

Mutation mutate(Node const& root, std::size_t index) {
    Writer writer(index);
    writer.value(document_description().shape, root);
    writer.out("\n");
    return writer.made;
}

std::size_t mutation_count(Node const& root) {
    Writer writer(std::string::npos);
    writer.value(document_description().shape, root);
    return writer.count;
}

NodePtr merged_root(Example const& example) {
    std::vector<NodePtr> roots;
    std::vector<Problem> problems;
    for (auto const& file : example.files) roots.push_back(parse_yaml(text_of(file), file).root);
    return merge_roots(roots, problems);
}

}  // namespace sluice::config
