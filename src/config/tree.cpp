// See tree.hpp. The only file that includes yaml-cpp.
#include "config/tree.hpp"

#include <istream>
#include <map>
#include <optional>
#include <streambuf>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "config/prose.hpp"

namespace sluice::config {
namespace {

using MutableNode = std::shared_ptr<Node>;

// Ends the reading of one text.
struct Stop {
    Problem problem;
};

// A view as an input stream, without a copy.
class ViewBuffer : public std::streambuf {
  public:
    explicit ViewBuffer(std::string_view text) {
        auto* begin = const_cast<char*>(text.data());  // setg wants it so; nothing writes
        setg(begin, begin, begin + text.size());
    }
};

class Builder : public YAML::EventHandler {
  public:
    Builder(std::string_view text, std::string const& file, std::vector<Problem>& problems)
        : text_(text), file_(file), problems_(problems) {}

    [[nodiscard]] NodePtr root() const { return root_; }
    // Of the innermost map or list that has begun and not ended.
    [[nodiscard]] Place open_place() const { return open_.back().node->place; }
    [[nodiscard]] bool has_open() const { return !open_.empty(); }

    void OnDocumentStart(YAML::Mark const& mark) override {
        if (root_) throw Stop{{place(mark), "a second YAML document; put one into each file"}};
    }
    void OnDocumentEnd() override {}

    void OnNull(YAML::Mark const& mark, YAML::anchor_t anchor) override {
        auto node = make(Node::Kind::null, mark);
        // yaml-cpp marks an empty value at the next token: the key's place says more.
        if (!open_.empty() && open_.back().key) node->place = open_.back().key->place;
        add(node, anchor);
    }
    void OnScalar(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                  std::string const& value) override {
        refuse_tag(mark, tag);
        refuse_open_quote(mark, tag);
        auto node = make(Node::Kind::scalar, mark);
        node->text = value;
        node->quoted = tag == "!";
        add(node, anchor);
    }
    void OnAlias(YAML::Mark const& mark, YAML::anchor_t anchor) override {
        auto const known = anchors_.find(anchor);
        if (known == anchors_.end()) {
            throw Stop{{place(mark), "an alias (*) inside its own anchor (&)"}};
        }
        count(mark, known->second->size);
        attach(known->second);
    }
    void OnSequenceStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(Node::Kind::sequence, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(YAML::Mark const& mark, std::string const& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(Node::Kind::map, mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

  private:
    struct Key {
        std::string text;
        Place place;
        bool dropped = false;  // a duplicate or a merge key: its value is read and forgotten
    };
    struct Open {
        MutableNode node;
        YAML::anchor_t anchor = 0;
        std::optional<Key> key;  // of a map whose value comes next
    };

    Place place(YAML::Mark const& mark) const { return {file_, mark.line + 1, mark.column + 1}; }

    MutableNode make(Node::Kind kind, YAML::Mark const& mark) {
        count(mark, 1);
        auto node = std::make_shared<Node>();
        node->kind = kind;
        node->place = place(mark);
        return node;
    }

    void count(YAML::Mark const& mark, std::size_t nodes) {
        nodes_ += nodes;
        if (nodes_ > nodes_max) {
            throw Stop{{place(mark), "too much: over " + std::to_string(nodes_max) +
                                         " values, aliases counted out"}};
        }
    }

    void refuse_tag(YAML::Mark const& mark, std::string const& tag) {
        if (tag.empty() || tag == "?" || tag == "!") return;
        problems_.push_back({place(mark), "YAML tags (!...) are not used here; remove it"});
    }

    // yaml-cpp takes the end of the text for the end of a quoted scalar.
    void refuse_open_quote(YAML::Mark const& mark, std::string const& tag) {
        auto const at = static_cast<std::size_t>(mark.pos);
        if (tag != "!" || at >= text_.size() || (text_[at] != '"' && text_[at] != '\'')) return;
        auto const quote = text_[at];
        for (auto i = at + 1; i < text_.size(); ++i) {
            if (text_[i] == '\\' && quote == '"') {
                ++i;
            } else if (text_[i] == quote) {
                if (quote == '"' || i + 1 == text_.size() || text_[i + 1] != '\'') return;
                ++i;
            }
        }
        throw Stop{{place(mark), "a quote that is never closed"}};
    }

    void open(Node::Kind kind, YAML::Mark const& mark, std::string const& tag,
              YAML::anchor_t anchor) {
        refuse_tag(mark, tag);
        if (open_.size() >= depth_max) {
            throw Stop{
                {place(mark), "nested deeper than " + std::to_string(depth_max) + " levels"}};
        }
        if (wants_key()) {
            throw Stop{{place(mark), "a map key must be a single value, not a list or a map"}};
        }
        open_.push_back({make(kind, mark), anchor, std::nullopt});
    }

    void close() {
        auto done = std::move(open_.back());
        open_.pop_back();
        add(done.node, done.anchor);
    }

    void add(MutableNode const& node, YAML::anchor_t anchor) {
        if (anchor != 0) anchors_[anchor] = node;
        attach(node);
    }

    [[nodiscard]] bool wants_key() const {
        return !open_.empty() && open_.back().node->kind == Node::Kind::map && !open_.back().key;
    }

    void attach(NodePtr node) {
        if (open_.empty()) {
            root_ = std::move(node);
            return;
        }
        auto& top = open_.back();
        if (wants_key()) {
            take_key(top, *node);
            return;
        }
        top.node->size += node->size;
        if (top.node->kind == Node::Kind::sequence) {
            top.node->items.push_back(std::move(node));
            return;
        }
        auto key = *std::exchange(top.key, std::nullopt);
        if (key.dropped) return;
        index_[top.node.get()].emplace(key.text, key.place);
        top.node->entries.push_back({std::move(key.text), std::move(key.place), std::move(node)});
    }

    void take_key(Open& top, Node const& node) {
        if (node.kind != Node::Kind::scalar) {
            throw Stop{{node.place, "a map key must be a single value, not " +
                                        std::string(to_text(node.kind))}};
        }
        Key key{node.text, node.place};
        if (key.text == "<<" && !node.quoted) {
            key.dropped = true;
            problems_.push_back({key.place,
                                 "merge keys (<<) are not used here; write the fields out, or give "
                                 "the whole value by an alias (name: *anchor)"});
        }
        auto const& known = index_[top.node.get()];
        if (auto const first = known.find(key.text); first != known.end()) {
            key.dropped = true;
            problems_.push_back({key.place, "the key " + in_quotes(key.text) +
                                                " stands here twice, first at " +
                                                to_text(first->second) + "; keep one"});
        }
        top.key = std::move(key);
    }

    std::string_view text_;
    std::string const& file_;
    std::vector<Problem>& problems_;
    NodePtr root_;
    std::vector<Open> open_;
    std::map<YAML::anchor_t, NodePtr> anchors_;
    std::map<Node const*, std::map<std::string, Place>> index_;
    std::size_t nodes_ = 0;
};

// Bytes of the UTF-8 sequence at `at`; 0 when it is not one.
std::size_t sequence_length(std::string_view text, std::size_t at) {
    auto const byte = [&](std::size_t i) {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    auto const follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    auto const lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (!follows(1) || !follows(2)) return 0;
        if (lead == 0xE0 && byte(1) < 0xA0) return 0;
        if (lead == 0xED && byte(1) > 0x9F) return 0;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (!follows(1) || !follows(2) || !follows(3)) return 0;
        if (lead == 0xF0 && byte(1) < 0x90) return 0;
        if (lead == 0xF4 && byte(1) > 0x8F) return 0;
        return 4;
    }
    return 0;
}

// The first byte that has no business in a config: not UTF-8, a control byte, a tab that indents.
std::optional<Problem> find_bad_byte(std::string_view text, std::string const& file) {
    Place place{file, 1, 1};
    bool is_indentation = true;
    for (std::size_t at = 0; at < text.size();) {
        auto const c = static_cast<unsigned char>(text[at]);
        auto const length = sequence_length(text, at);
        if (length == 0) return Problem{place, "not UTF-8; save the file as UTF-8"};
        if (c == '\t' && is_indentation) {
            return Problem{place, "a tab in the indentation; use spaces"};
        }
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F) {
            return Problem{place, "a control character; remove it"};
        }
        at += length;
        if (c == '\n') {
            place = {file, place.line + 1, 1};
            is_indentation = true;
        } else {
            ++place.column;
            is_indentation = is_indentation && c == ' ';
        }
    }
    return std::nullopt;
}

// yaml-cpp's sentences name a rule, at most one character of the text.
Problem told(YAML::Exception const& e, Builder const& builder, std::string const& file) {
    Place const place{file, e.mark.line + 1, e.mark.column + 1};
    bool const is_map = e.msg == YAML::ErrorMsg::END_OF_MAP_FLOW;
    bool const is_list = e.msg == YAML::ErrorMsg::END_OF_SEQ_FLOW;
    if ((!is_map && !is_list) || !builder.has_open()) return {place, "not YAML: " + e.msg};
    // Where it begins says more than where the text no longer fits.
    return {builder.open_place(),
            std::string("not YAML: what ") + (is_map ? "{" : "[") +
                " begins here is not closed; at line " + std::to_string(place.line) + ", column " +
                std::to_string(place.column) + " a comma or " + (is_map ? "}" : "]") + " is due"};
}

NodePtr empty_document(std::string const& file) {
    auto node = std::make_shared<Node>();
    node->place = {file, 1, 1};
    return node;
}

}  // namespace

Node::Entry const* Node::find(std::string_view key) const noexcept {
    for (auto const& entry : entries) {
        if (entry.key == key) return &entry;
    }
    return nullptr;
}

std::string_view to_text(Node::Kind kind) {
    switch (kind) {
        case Node::Kind::null:
            return "nothing";
        case Node::Kind::scalar:
            return "a single value";
        case Node::Kind::sequence:
            return "a list";
        case Node::Kind::map:
            return "a map";
    }
    return "";
}

Parsed parse_yaml(std::string_view text, std::string const& file) {
    Parsed parsed;
    if (text.size() > file_bytes_max) {
        parsed.problems.push_back({{file, 1, 1}, "larger than 1 MiB; split it into a directory"});
        return parsed;
    }
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (auto bad = find_bad_byte(text, file)) {
        parsed.problems.push_back(std::move(*bad));
        return parsed;
    }
    Builder builder(text, file, parsed.problems);
    try {
        ViewBuffer buffer(text);
        std::istream in(&buffer);
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(builder)) {
        }
        parsed.root = builder.root();
        if (!parsed.root) parsed.root = empty_document(file);
    } catch (Stop& stop) {
        parsed.problems.push_back(std::move(stop.problem));
    } catch (YAML::Exception const& e) {
        parsed.problems.push_back(told(e, builder, file));
    }
    return parsed;
}

}  // namespace sluice::config
