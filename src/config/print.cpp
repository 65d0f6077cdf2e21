#include "config/print.hpp"

#include <algorithm>

#include "base/sha256.hpp"
#include "config/describe.hpp"

namespace sluice::config {
namespace {

// Plain where YAML reads the same text back, else as JSON writes it (which YAML understands).
std::string scalar(Json const& value) {
    if (!value.is_string()) return value.dump();
    auto const& text = value.get_ref<std::string const&>();
    bool const is_plain = !text.empty() && std::isalpha(static_cast<unsigned char>(text.front())) &&
                          std::all_of(text.begin(), text.end(), [](unsigned char c) {
                              return std::isalnum(c) || c == '_' || c == '-';
                          });
    static std::vector<std::string> const words = {"true", "false", "null", "yes", "no",
                                                   "on",   "off",   "y",    "n"};
    auto lower = text;
    for (auto& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (is_plain && std::find(words.begin(), words.end(), lower) == words.end()) return text;
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_block(Json const& value) { return value.is_structured() && !value.empty(); }

void write_block(std::string& out, Json const& value, std::size_t indent) {
    std::string const margin(indent, ' ');
    if (value.is_array()) {
        for (auto const& item : value) {
            if (!is_block(item)) {
                out += margin + "- " + scalar(item) + "\n";
                continue;
            }
            std::string inner;
            write_block(inner, item, indent + 2);
            out += margin + "- " + inner.substr(indent + 2);
        }
        return;
    }
    for (auto const& [name, item] : value.items()) {
        if (item.is_null()) continue;  // not set
        out += margin + scalar(Json(name)) + ":";
        if (!is_block(item)) {
            out += " " + scalar(item) + "\n";
            continue;
        }
        out += "\n";
        write_block(out, item, indent + 2);
    }
}

void add_difference(std::vector<std::string>& out, std::string const& path, Json const& before,
                    Json const& after) {
    if (before == after) return;
    if (before.is_object() && after.is_object()) {
        auto const below = [&path](std::string const& name) {
            return path.empty() ? name : path + "." + name;
        };
        for (auto const& [name, value] : before.items()) {
            add_difference(out, below(name), value, after.value(name, Json()));
        }
        for (auto const& [name, value] : after.items()) {
            if (!before.contains(name)) add_difference(out, below(name), Json(), value);
        }
        return;
    }
    if (before.is_array() && after.is_array() && before.size() == after.size()) {
        for (std::size_t i = 0; i < before.size(); ++i) {
            add_difference(out, path + "[" + std::to_string(i) + "]", before[i], after[i]);
        }
        return;
    }
    out.push_back(path);
}

// What to_json() masks, as digests in the same places. Never leaves this file.
Json secrets_of(Document const& document) {
    auto const digest = [](Secret const& secret) { return sha256_hex(secret.reveal()); };
    Json secrets;
    secrets["admin"]["token"] = digest(document.admin.token);
    secrets["telemetry"]["budget_webhook"]["secret"] =
        digest(document.telemetry.budget_webhook.secret);
    for (auto const& provider : document.providers) {
        auto& of = secrets["providers"][provider.name];
        of["egress_proxy"] = digest(provider.egress_proxy_secret);
        for (auto const& key : provider.keys) of["keys"][key.name] = digest(key.value);
        for (auto const& [name, value] : provider.headers) of["headers"][name] = sha256_hex(value);
    }
    for (auto const& team : document.teams) {
        for (auto const& key : team.keys) {
            secrets["keys"][team.name]["keys"][key.name]["hash"] = key.hashes;
        }
    }
    return secrets;
}

}  // namespace

Json to_json(Document const& document) { return document_description().printed(document); }

std::string to_yaml(Json const& value) {
    std::string out;
    write_block(out, value, 0);
    return out;
}

std::vector<std::string> changed_paths(Document const& before, Document const& after) {
    std::vector<std::string> paths;
    add_difference(paths, "", to_json(before), to_json(after));
    std::vector<std::string> of_secrets;
    add_difference(of_secrets, "", secrets_of(before), secrets_of(after));
    for (auto& path : of_secrets) {
        // Named already, itself or as part of what came or went?
        bool const is_told = std::any_of(paths.begin(), paths.end(), [&path](auto const& told) {
            return path == told || told.starts_with(path + ".") || told.starts_with(path + "[") ||
                   path.starts_with(told + ".") || path.starts_with(told + "[");
        });
        if (!is_told) paths.push_back(std::move(path));
    }
    return paths;
}

}  // namespace sluice::config
