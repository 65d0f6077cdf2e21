// See expand.hpp.
#include "config/expand.hpp"

#include <algorithm>
#include <cctype>

namespace sluice::config {
namespace {

bool is_variable_name(std::string_view name) {
    return !name.empty() && !std::isdigit(static_cast<unsigned char>(name.front())) &&
           std::all_of(name.begin(), name.end(),
                       [](unsigned char c) { return c < 0x80 && (std::isalnum(c) || c == '_'); });
}

// `inside` is what stands between the braces.
void append_reference(Expanded& out, std::string_view inside, LoadOptions::Lookup const& env) {
    auto const mark = inside.find(":-");
    std::string const name(inside.substr(0, mark));
    if (!is_variable_name(name)) {
        out.error = "a reference is ${NAME} or ${NAME:-default}, NAME of letters, digits and _";
        return;
    }
    out.variables.push_back(name);
    auto const value = env(name);
    if (mark != std::string_view::npos && (!value || value->empty())) {
        out.text += inside.substr(mark + 2);
    } else if (value) {
        out.text += *value;
    } else {
        out.missing.push_back(name);
    }
}

}  // namespace

Expanded expand(std::string_view raw, LoadOptions::Lookup const& env) {
    Expanded out;
    while (out.error.empty()) {
        auto const dollar = raw.find('$');
        out.text += raw.substr(0, dollar);
        if (dollar == std::string_view::npos) break;
        raw.remove_prefix(dollar + 1);
        if (raw.starts_with('$')) {
            out.text += '$';
            raw.remove_prefix(1);
        } else if (auto const end = raw.find('}'); raw.starts_with('{') && end != raw.npos) {
            append_reference(out, raw.substr(1, end - 1), env);
            raw.remove_prefix(end + 1);
        } else {
            out.error = "a lone $; write ${NAME} for a variable, $$ for a dollar sign";
        }
    }
    return out;
}

}  // namespace sluice::config
