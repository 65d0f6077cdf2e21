// See price.hpp. Called by load.cpp.
#include "config/price.hpp"

#include <algorithm>

#include "config/describe.hpp"
#include "config/files.hpp"
#include "config/names.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t list_bytes_max = 1024 * 1024;

struct BuiltIn {
    std::vector<PriceList> lists;
    std::vector<Problem> problems;
};

void add_list(std::vector<PriceList>& lists, std::string const& name, std::string_view text,
              std::string const& file, std::vector<Problem>& problems) {
    if (check_name(name)) {
        problems.push_back({{file, 1, 1}, "a file of this name cannot be a price list"});
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
    Reader::Step const step(reader, "price list " + name);
    PriceList list;
    list.name = name;
    price_list_description().read(reader, *parsed.root, list);
    auto const known = std::find_if(lists.begin(), lists.end(),
                                    [&name](auto const& other) { return other.name == name; });
    if (known == lists.end()) {
        lists.push_back(std::move(list));
    } else {
        *known = std::move(list);
    }
}

std::string stem_of(std::string_view file) {
    file.remove_prefix(file.rfind('/') == file.npos ? 0 : file.rfind('/') + 1);
    return std::string(file.substr(0, file.rfind(".yaml")));
}

BuiltIn read_built_in() {
    BuiltIn built_in;
    for (auto const& [file, text] : embedded_price_files()) {
        add_list(built_in.lists, stem_of(file), text, "built-in " + std::string(file),
                 built_in.problems);
    }
    return built_in;
}

}  // namespace

std::vector<PriceList> read_price_lists(std::string const& directory,
                                        std::vector<Problem>& problems) {
    static BuiltIn const built_in = read_built_in();
    auto lists = built_in.lists;
    problems.insert(problems.end(), built_in.problems.begin(), built_in.problems.end());
    if (directory.empty()) return lists;
    std::vector<std::string> others;
    for (auto const& file : yaml_files(directory, others)) {
        std::string why;
        if (auto const text = read_text_file(file, list_bytes_max, why)) {
            add_list(lists, stem_of(file), *text, file, problems);
        } else {
            problems.push_back({{file}, "cannot be read: " + why});
        }
    }
    return lists;
}

}  // namespace sluice::config
