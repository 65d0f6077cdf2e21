#include "engine/tags.hpp"

#include <algorithm>

#include "engine/snapshot.hpp"
#include "engine/worker_context.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {
namespace {

constexpr std::size_t tags_max = 16;
constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t value_bytes_max = 128;
// No tag can have this name: it is the users' place among the known values.
constexpr std::string_view user_name = "(user)";

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

// In lower case; "" when it cannot be a tag's name.
std::string to_name(std::string_view text) {
    if (text.empty() || text.size() > name_bytes_max) return {};
    std::string name{text};
    for (auto& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        bool const is_fine =
            (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
        if (!is_fine) return {};
    }
    return name;
}

Error unreadable_tags() {
    return client_error(ErrorCode::invalid_request, 400,
                        "The header x-sluice-tags must be pairs like 'feature=search, stage=beta': "
                        "at most 16, names of at most 64 letters, digits, '_', '-' and '.', values "
                        "of at most 128 characters without commas.");
}

class Tagging {
  public:
    explicit Tagging(Exchange& x) : x_(x), policy_(x.snapshot.tags) {}

    Result<void> read_header(std::string_view value) {
        std::size_t count = 0;
        while (!value.empty()) {
            auto const comma = std::min(value.find(','), value.size());
            auto const part = trimmed(value.substr(0, comma));
            value.remove_prefix(std::min(comma + 1, value.size()));
            if (part.empty()) continue;
            auto const equals = std::min(part.find('='), part.size());
            auto const name = to_name(trimmed(part.substr(0, equals)));
            auto const text = trimmed(part.substr(std::min(equals + 1, part.size())));
            if (name.empty() || text.size() > value_bytes_max || ++count > tags_max) {
                return unreadable_tags();
            }
            add(name, text);
        }
        return {};
    }

    void read_metadata() {
        for (auto const& [name, value] : x_.facts.metadata) {
            auto const known = to_name(name);
            if (!known.empty()) add(known, value);
        }
    }

    void finish() { std::sort(x_.record.tags.begin(), x_.record.tags.end()); }

  private:
    [[nodiscard]] bool is_kept(std::string const& name) const {
        if (policy_.any_name) return true;
        return std::find(policy_.names.begin(), policy_.names.end(), name) != policy_.names.end();
    }

    // What says a name first holds: the header before the metadata.
    [[nodiscard]] bool has(std::string const& name) const {
        return std::any_of(x_.record.tags.begin(), x_.record.tags.end(), [&](auto const& tag) {
            return tag.starts_with(name) && (tag.size() == name.size() || tag[name.size()] == '=');
        });
    }

    void add(std::string name, std::string_view value) {
        auto& tags = x_.record.tags;
        if (tags.size() >= tags_max || !is_kept(name) || has(name)) return;
        auto& known = x_.worker.known_values;
        if (!known.admit_name(name)) name = other_value;
        if (name == other_value && has(name)) return;
        auto const kept = known.admit(name, value, policy_.values_max);
        if (!kept.empty()) name.append("=").append(kept);
        tags.push_back(std::move(name));
    }

    Exchange& x_;
    TagPolicy const& policy_;
};

}  // namespace

bool KnownValues::admit_name(std::string_view name) {
    if (by_name_.find(name) != by_name_.end()) return true;
    bool const is_full = by_name_.size() >= names_max;
    if (is_full) return false;
    by_name_.emplace(name, Values{});
    return true;
}

std::string_view KnownValues::admit(std::string_view name, std::string_view value,
                                    std::size_t values_max) {
    if (value.empty()) return value;
    auto const found = by_name_.find(name);
    if (found == by_name_.end()) return other_value;
    auto& values = found->second;
    if (values.find(value) != values.end()) return value;
    if (values.size() >= values_max) return other_value;
    values.emplace(value);
    return value;
}

Result<void> tag(Exchange& x) {
    if (x.record.user.empty() && !x.facts.user.empty()) {
        auto& known = x.worker.known_values;
        std::ignore = known.admit_name(user_name);
        x.record.user = known.admit(user_name, x.facts.user, x.snapshot.tags.users_max);
    }
    auto const header = x.client.head().headers.get("x-sluice-tags");
    if (header.empty() && x.facts.metadata.empty()) return {};
    Tagging tagging(x);
    auto read = tagging.read_header(header);
    if (!read) return read;
    if (x.snapshot.tags.from_metadata) tagging.read_metadata();
    tagging.finish();
    return {};
}

}  // namespace sluice::engine
