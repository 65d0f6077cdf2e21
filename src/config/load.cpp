// See load.hpp: files -> trees -> one tree -> Document -> checks across settings.
#include "config/load.hpp"

#include <algorithm>
#include <cstdlib>
#include <tuple>

#include "config/describe.hpp"
#include "config/files.hpp"
#include "config/merge.hpp"
#include "config/validate.hpp"

namespace sluice::config {
namespace {

constexpr std::size_t problems_max = 200;
constexpr std::size_t files_max = 1000;
constexpr std::size_t named_file_bytes_max = 4 * 1024 * 1024;  // a bundle of authorities

std::optional<std::string> read_environment(std::string const& name) {
    auto const* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::optional<std::string> read_named_file(std::string const& path) {
    std::string why;
    return read_text_file(path, named_file_bytes_max, why);
}

LoadOptions completed(LoadOptions options, std::string const& directory) {
    if (!options.env) options.env = read_environment;
    if (!options.read_file) options.read_file = read_named_file;
    if (options.providers_dir.empty() && !directory.empty()) {
        auto const beside = directory + "/providers";
        if (is_directory(beside)) options.providers_dir = beside;
    }
    if (options.models_dir.empty() && !directory.empty()) {
        auto const beside = directory + "/models";
        if (is_directory(beside)) options.models_dir = beside;
    }
    return options;
}

struct Source {
    std::string file;
    std::string text;
};

// Trees of all files, or nothing when one of them cannot be read at all.
std::vector<NodePtr> parse_all(std::vector<Source> const& sources, std::vector<Problem>& problems) {
    std::vector<NodePtr> roots;
    bool is_whole = true;
    for (auto const& source : sources) {
        auto parsed = parse_yaml(source.text, source.file);
        std::move(parsed.problems.begin(), parsed.problems.end(), std::back_inserter(problems));
        bool const is_usable = parsed.root && (parsed.root->kind == Node::Kind::map ||
                                               parsed.root->kind == Node::Kind::null);
        if (parsed.root && !is_usable) {
            problems.push_back({parsed.root->place, "the file must be a map of settings, not " +
                                                        std::string(to_text(parsed.root->kind))});
        }
        is_whole = is_whole && is_usable;
        if (is_usable) roots.push_back(std::move(parsed.root));
    }
    if (!is_whole) roots.clear();
    return roots;
}

// A section of names that is not there under its own name makes every reference to it dangle.
Findings find_sections(Node const& root) {
    auto const& fields = document_description().shape.fields;
    bool const is_spelt = std::all_of(root.entries.begin(), root.entries.end(), [&](auto const& e) {
        return std::any_of(fields.begin(), fields.end(),
                           [&e](auto const& field) { return field.name == e.key; });
    });
    auto const is_there = [&root, is_spelt](char const* name) {
        auto const* entry = root.find(name);
        if (entry == nullptr) return is_spelt;
        return entry->value->kind == Node::Kind::map || entry->value->kind == Node::Kind::null;
    };
    Findings findings;
    findings.has_providers = is_there("providers");
    findings.has_routes = is_there("routes");
    return findings;
}

void sort_by_place(std::vector<Problem>& problems) {
    std::stable_sort(problems.begin(), problems.end(), [](auto const& a, auto const& b) {
        return std::tie(a.place.file, a.place.line, a.place.column) <
               std::tie(b.place.file, b.place.line, b.place.column);
    });
    if (problems.size() > problems_max) {
        auto const place = problems[problems_max].place;
        problems.resize(problems_max);
        problems.push_back({place, "more problems follow; mend these first"});
    }
}

Loaded load_sources(std::vector<Source> const& sources, std::string const& main_file,
                    LoadOptions const& options, std::vector<Problem> problems) {
    Loaded loaded;
    auto const kinds = read_kinds(options.providers_dir, problems);
    auto const roots = parse_all(sources, problems);
    if (!roots.empty()) {
        auto const root = merge_roots(roots, problems);
        auto& document = loaded.document;
        document.server.place = document.admin.place = {main_file, 1, 1};
        if (auto const* server = root->find("server")) document.server.place = server->place;
        if (auto const* admin = root->find("admin")) document.admin.place = admin->place;
        document.price_lists = read_price_lists(options.models_dir, problems);
        Reader reader(options, kinds, document, problems);
        document_description().read(reader, *root, document);
        settle_addresses(document, options, problems);
        auto findings = find_sections(*root);
        findings.references = std::move(reader.model_references);
        findings.from_variables = std::move(reader.from_variables);
        findings.is_whole = reader.error_count() == 0;
        validate(document, findings, options, problems);
    }
    sort_by_place(problems);
    std::copy_if(problems.begin(), problems.end(), std::back_inserter(loaded.document.warnings),
                 [](auto const& p) { return p.severity == Problem::Severity::warning; });
    loaded.problems = std::move(problems);
    return loaded;
}

}  // namespace

bool Loaded::ok() const noexcept {
    return std::none_of(problems.begin(), problems.end(), [](auto const& problem) {
        return problem.severity == Problem::Severity::error;
    });
}

Loaded load_text(std::string_view text, std::string const& file, LoadOptions const& options) {
    return load_sources({{file, std::string(text)}}, file, completed(options, ""), {});
}

Loaded load_document(std::string const& path, LoadOptions const& options) {
    std::vector<Problem> problems;
    std::vector<std::string> files = {path};
    bool const is_dir = is_directory(path);
    if (is_dir) {
        std::vector<std::string> others;
        auto directory = path;
        while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
        files = yaml_files(directory, others);
        for (auto const& other : others) {
            problems.push_back({{other}, "is not read; name it .yaml", Problem::Severity::warning});
        }
        if (files.empty()) problems.push_back({{path}, "has no *.yaml file"});
        if (files.size() > files_max) {
            problems.push_back({{path}, "has more than 1000 *.yaml files"});
            files.clear();
        }
    }
    std::vector<Source> sources;
    for (auto const& file : files) {
        std::string why;
        if (auto text = read_text_file(file, file_bytes_max, why)) {
            sources.push_back({file, std::move(*text)});
        } else {
            problems.push_back({{file}, "cannot be read: " + why});
        }
    }
    if (sources.size() != files.size()) sources.clear();
    auto const settled = completed(options, is_dir ? path : directory_of(path));
    if (!options.providers_dir.empty() && !is_directory(options.providers_dir)) {
        problems.push_back({{options.providers_dir}, "is not a directory of provider kinds"});
    }
    if (!settled.models_dir.empty() && !is_directory(settled.models_dir)) {
        problems.push_back({{settled.models_dir}, "is not a directory of price lists"});
    }
    return load_sources(sources, path, settled, std::move(problems));
}

}  // namespace sluice::config
