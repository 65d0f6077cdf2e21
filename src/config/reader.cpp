// See reader.hpp.
#include "config/reader.hpp"

#include "config/expand.hpp"
#include "config/prose.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t secret_bytes_max = 64 * 1024;

void trim_line_end(std::string& text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
}

// A path in a config is relative to the file that says it.
std::string beside(std::string const& file, std::string const& path) {
    auto const slash = file.rfind('/');
    if (path.starts_with('/') || slash == std::string::npos) return path;
    return file.substr(0, slash + 1) + path;
}

}  // namespace

void Reader::error(Place const& place, std::string const& message) {
    ++errors_;
    problems_.push_back({place, subject() + " " + message});
}

void Reader::warn(Place const& place, std::string const& message) {
    problems_.push_back({place, subject() + " " + message, Problem::Severity::warning});
}

std::string Reader::subject() const { return path_.empty() ? "the configuration" : path(); }

std::string Reader::path() const {
    std::string out;
    for (auto const& step : path_) {
        if (!out.empty() && !step.starts_with('[')) out += '.';
        auto const shown = in_quotes(step);
        out += shown.starts_with('"') ? shown.substr(1, shown.size() - 2) : shown;
    }
    return out;
}

void Reader::wrong_type(Node const& node, std::string const& expected) {
    error(node.place, "must be " + expected + ", not " + std::string(to_text(node.kind)));
}

void Reader::needs_variables(Node const& node, std::vector<std::string> const& missing) {
    bool const is_one = missing.size() == 1;
    error(node.place, std::string("needs the environment variable") + (is_one ? " " : "s ") +
                          joined(missing, " and ") + ", which " + (is_one ? "is" : "are") +
                          " not set");
}

std::optional<std::string> Reader::pem_file(Node const& map, std::string_view entry,
                                            std::string const& path,
                                            std::optional<std::string> (*check)(std::string_view)) {
    auto const* named = map.find(entry);
    if (named == nullptr || path.empty()) return std::nullopt;
    Step const step(*this, entry);
    auto const& node = *named->value;
    auto text = options.read_file(path);
    if (!text) {
        error(node.place, "names a file that cannot be read: " + in_quotes(node.text) +
                              "; is it there, and may this user read it?");
        return std::nullopt;
    }
    if (auto const wrong = check(*text)) {
        error(node.place, "names a file that " + *wrong + ": " + in_quotes(node.text));
        return std::nullopt;
    }
    return text;
}

std::optional<std::string> Reader::text(Node const& node, std::string const& expected) {
    if (node.kind != Node::Kind::scalar) {
        wrong_type(node, expected);
        return std::nullopt;
    }
    if (node.text.find('$') == std::string::npos) return node.text;
    auto expanded = expand(node.text, options.env);
    if (!expanded.error.empty()) {
        error(node.place, "holds " + expanded.error);
        return std::nullopt;
    }
    if (!expanded.missing.empty()) {
        auto const& name = expanded.missing.front();
        error(node.place, "needs the environment variable " + name +
                              ", which is not set; set it, or write ${" + name + ":-default}");
        return std::nullopt;
    }
    from_variables.push_back(expanded.text);
    return std::move(expanded.text);
}

std::optional<Resolved> Reader::secret(Node const& node, std::string const& expected) {
    if (node.kind != Node::Kind::scalar) {
        wrong_type(node, expected);
        return std::nullopt;
    }
    auto expanded = expand(node.text, options.env);
    if (!expanded.error.empty()) {
        error(node.place, "holds " + expanded.error);
        return std::nullopt;
    }
    Resolved resolved;
    resolved.source = expanded.variables.empty() ? "in clear" : joined(expanded.variables, "+");
    if (!expanded.missing.empty()) {
        resolved.missing = std::move(expanded.missing);
        return resolved;
    }
    if (node.text.starts_with("file:")) {
        auto const path = expanded.text.substr(5);
        auto value = secret_file(node, beside(node.place.file, path));
        if (!value) return std::nullopt;
        resolved.source = "file:" + path;
        expanded.text = std::move(*value);
    }
    resolved.value = Secret(std::move(expanded.text));
    return resolved;
}

std::optional<std::string> Reader::secret_file(Node const& node, std::string const& path) {
    auto value = options.read_file(path);
    if (!value) {
        error(node.place, "names a file that cannot be read: " + in_quotes(node.text.substr(5)));
        return std::nullopt;
    }
    trim_line_end(*value);
    if (value->empty() || value->size() > secret_bytes_max) {
        error(node.place, "names a file that is empty or larger than 64 KiB: " +
                              in_quotes(node.text.substr(5)));
        return std::nullopt;
    }
    return value;
}

}  // namespace sluice::config
