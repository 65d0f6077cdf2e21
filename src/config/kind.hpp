// Provider kinds: what config/providers/*.yaml say about an address that speaks a dialect. The
// files are built into the program; a directory may add to them or replace them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.hpp"

namespace sluice::config {

struct Kind {
    std::string name;       // the file's name without .yaml
    std::string title;      // for people
    std::string otel_name;  // gen_ai.provider.name in traces; "": the provider's own name
    std::string dialect = "openai_chat";
    std::string base_url;  // "": the provider must say it
    std::string base_url_example;
    AuthScheme auth = AuthScheme::bearer;
    std::string env;  // the variable looked for when a provider has no keys
    bool needs_credential = true;
    std::string prices;  // the price list of its models; "" = none
    std::string max_output_name = "max_tokens";
    std::vector<std::string> operations = {"chat", "complete", "embed"};
};

inline constexpr std::string_view mock_kind = "mock";  // served in process; has no file

// (file name, text), made by embed.cmake from config/providers/.
std::vector<std::pair<std::string_view, std::string_view>> const& embedded_kind_files();

// The built-in kinds, then those of `directory` ("" = none), which replace by name.
std::vector<Kind> read_kinds(std::string const& directory, std::vector<Problem>& problems);

std::vector<std::string> kind_names(std::vector<Kind> const& kinds);  // with mock
Kind const* find_kind(std::vector<Kind> const& kinds, std::string_view name);

}  // namespace sluice::config
