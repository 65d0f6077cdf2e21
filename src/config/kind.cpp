// See kind.hpp. Called by load.cpp.
#include "config/kind.hpp"

#include <algorithm>

#include "config/named_files.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t kind_bytes_max = 64 * 1024;

}  // namespace

std::vector<Kind> read_kinds(std::string const& directory, std::vector<Problem>& problems) {
    static NamedFiles<Kind> const files{"kind", "a provider kind", kind_bytes_max,
                                        kind_description(), mock_kind};
    static BuiltIn<Kind> const built_in(files, embedded_kind_files());
    return read_named_files(files, built_in, directory, problems);
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
