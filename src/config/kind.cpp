// See kind.hpp. Called by load.cpp.
#include "config/kind.hpp"

#include <algorithm>

#include "config/describe.hpp"
#include "config/files.hpp"
#include "config/names.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t kind_bytes_max = 64 * 1024;

void add_kind(std::vector<Kind>& kinds, std::string const& name, std::string_view text,
              std::string const& file, std::vector<Problem>& problems) {
    if (name == mock_kind || check_name(name)) {
        problems.push_back({{file, 1, 1}, "a file of this name cannot be a provider kind"});
        return;
    }
    auto const parsed = parse_yaml(text, file);
    problems.insert(problems.end(), parsed.problems.begin(), parsed.problems.end());
    if (!parsed.root) return;
    LoadOptions options;
    options.env = [](std::string const&) { return std::nullopt; };
    Document const none;
    std::vector<Kind> const no_kinds;
    Reader reader(options, no_kinds, none, problems);
    Reader::Step const step(reader, "kind " + name);
    Kind kind;
    kind.name = name;
    kind_description().read(reader, *parsed.root, kind);
    auto const known = std::find_if(kinds.begin(), kinds.end(),
                                    [&name](auto const& other) { return other.name == name; });
    if (known == kinds.end()) {
        kinds.push_back(std::move(kind));
    } else {
        *known = std::move(kind);
    }
}

std::string stem_of(std::string_view file) {
    file.remove_prefix(file.rfind('/') == file.npos ? 0 : file.rfind('/') + 1);
    return std::string(file.substr(0, file.rfind(".yaml")));
}

struct BuiltIn {
    std::vector<Kind> kinds;
    std::vector<Problem> problems;
};

BuiltIn read_built_in() {
    BuiltIn built_in;
    for (auto const& [file, text] : embedded_kind_files()) {
        add_kind(built_in.kinds, stem_of(file), text, "built-in " + std::string(file),
                 built_in.problems);
    }
    return built_in;
}

}  // namespace

std::vector<Kind> read_kinds(std::string const& directory, std::vector<Problem>& problems) {
    static BuiltIn const built_in = read_built_in();
    auto kinds = built_in.kinds;
    problems.insert(problems.end(), built_in.problems.begin(), built_in.problems.end());
    if (directory.empty()) return kinds;
    std::vector<std::string> others;
    for (auto const& file : yaml_files(directory, others)) {
        std::string why;
        if (auto const text = read_text_file(file, kind_bytes_max, why)) {
            add_kind(kinds, stem_of(file), *text, file, problems);
        } else {
            problems.push_back({{file}, "cannot be read: " + why});
        }
    }
    return kinds;
}

std::vector<std::string> kind_names(std::vector<Kind> const& kinds) {
    std::vector<std::string> names;
    for (auto const& kind : kinds) names.push_back(kind.name);
    names.emplace_back(mock_kind);
    return names;
}

Kind const* find_kind(std::vector<Kind> const& kinds, std::string_view name) {
    auto const found = std::find_if(kinds.begin(), kinds.end(),
                                    [name](auto const& kind) { return kind.name == name; });
    return found == kinds.end() ? nullptr : &*found;
}

}  // namespace sluice::config
