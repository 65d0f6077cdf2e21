#include "net/http1_fields.hpp"

#include <cstring>

namespace sluice::net {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// `framings`: how many fields so far say where the body ends.
bool is_plain(http::Field const& field, unsigned& framings) {
    switch (field.name.size()) {
        case 7:
            return !http::iequals(field.name, "upgrade");
        case 10:
            return !http::iequals(field.name, "connection") ||
                   http::iequals(field.value, "keep-alive") || http::iequals(field.value, "close");
        case 14:
            return !http::iequals(field.name, "content-length") || ++framings == 1;
        case 16:
            return !http::iequals(field.name, "proxy-connection");
        case 17:
            return !http::iequals(field.name, "transfer-encoding") ||
                   (++framings == 1 && http::iequals(field.value, "chunked"));
        default:
            return true;
    }
}

}  // namespace

bool split_plain_fields(std::string_view lines, std::vector<http::Field>& fields) {
    unsigned framings = 0;
    auto const* at = lines.data();
    auto const* const end = at + lines.size();
    auto const find = [end](char const* from, char c) {
        return static_cast<char const*>(std::memchr(from, c, static_cast<std::size_t>(end - from)));
    };
    while (end - at > 2) {
        auto const* const colon = find(at, ':');
        if (!colon) return false;
        auto const* const line_end = find(colon, '\r');
        if (!line_end || end - line_end < 2) return false;
        auto const* first = colon + 1;
        auto const* last = line_end;
        while (first < last && is_blank(*first)) ++first;
        while (first < last && is_blank(last[-1])) --last;
        http::Field const field{{at, static_cast<std::size_t>(colon - at)},
                                {first, static_cast<std::size_t>(last - first)}};
        if (!is_plain(field, framings)) return false;
        fields.push_back(field);
        at = line_end + 2;
    }
    return end - at == 2;
}

}  // namespace sluice::net
