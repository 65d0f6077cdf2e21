// Small YAML files that each define one thing by the file's name: provider kinds, price lists.
// Those built into the program, and those of a directory, which replace them by name. Called by
// kind.cpp and price.cpp at start-up and reload; nothing in such a file reads the environment.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/describe.hpp"
#include "config/files.hpp"
#include "config/names.hpp"

namespace sluice::config {

template <class T>
struct NamedFiles {
    char const* what;       // in paths of errors: "kind"
    char const* is_no;      // "a provider kind": what a file of a bad name cannot be
    std::size_t bytes_max;  // of one file
    Binding<T> const& description;
    std::string_view reserved = {};  // a name that no file may have
};

// One file's text, into `all`: in the place of one of the same name.
template <class T>
void add_named_file(NamedFiles<T> const& files, std::string_view path, std::string_view text,
                    std::string const& shown_as, std::vector<T>& all,
                    std::vector<Problem>& problems) {
    path.remove_prefix(path.rfind('/') == path.npos ? 0 : path.rfind('/') + 1);
    auto const name = std::string(path.substr(0, path.rfind(".yaml")));
    if (name == files.reserved || check_name(name)) {
        problems.push_back(
            {{shown_as, 1, 1}, std::string("a file of this name cannot be ") + files.is_no});
        return;
    }
    auto const parsed = parse_yaml(text, shown_as);
    problems.insert(problems.end(), parsed.problems.begin(), parsed.problems.end());
    if (!parsed.root) return;
    LoadOptions options;
    options.env = [](std::string const&) { return std::nullopt; };
    Document const none;
    std::vector<Kind> const no_kinds;
    Reader reader(options, no_kinds, none, problems);
    Reader::Step const step(reader, std::string(files.what) + " " + name);
    T made;
    made.name = name;
    files.description.read(reader, *parsed.root, made);
    auto const known = std::find_if(all.begin(), all.end(),
                                    [&name](T const& other) { return other.name == name; });
    if (known == all.end()) {
        all.push_back(std::move(made));
    } else {
        *known = std::move(made);
    }
}

// Those built into the program, read once.
template <class T>
struct BuiltIn {
    std::vector<T> all;
    std::vector<Problem> problems;

    BuiltIn(NamedFiles<T> const& files,
            std::vector<std::pair<std::string_view, std::string_view>> const& embedded) {
        for (auto const& [file, text] : embedded) {
            add_named_file(files, file, text, "built-in " + std::string(file), all, problems);
        }
    }
};

// With those of `directory` ("" = none).
template <class T>
std::vector<T> read_named_files(NamedFiles<T> const& files, BuiltIn<T> const& built_in,
                                std::string const& directory, std::vector<Problem>& problems) {
    auto all = built_in.all;
    problems.insert(problems.end(), built_in.problems.begin(), built_in.problems.end());
    if (directory.empty()) return all;
    std::vector<std::string> others;
    for (auto const& path : yaml_files(directory, others)) {
        std::string why;
        if (auto const text = read_text_file(path, files.bytes_max, why)) {
            add_named_file(files, path, *text, path, all, problems);
        } else {
            problems.push_back({{path}, "cannot be read: " + why});
        }
    }
    return all;
}

}  // namespace sluice::config
