// See forwarded.hpp.
#include "codec/forwarded.hpp"

#include <algorithm>
#include <array>

#include "sluice/http.hpp"

namespace sluice::codec {
namespace {

constexpr std::size_t node_bytes_max = 64;  // an address, brackets and a port

bool is_space(char c) noexcept { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    return text;
}

bool is_token_byte(char c) noexcept {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           others.find(c) != std::string_view::npos;
}

bool is_port(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 5 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Walks from the right while entries are trusted. `entry(i)`: the i-th from the right; `count` of
// them.
template <class Entry>
IpAddress walk(int count, Entry const& entry, IpRanges const& trusted,
               IpAddress const& peer) noexcept {
    IpAddress client = peer;
    for (int i = 0; i < std::min(count, hops_max); ++i) {
        client = entry(i);
        if (!contains(trusted, client)) return client;
    }
    // So many trusted hops are no deployment: nobody is believed.
    return count > hops_max ? IpAddress{} : client;
}

// The `for` of one element, as far as it can be an address; the last hops_max of them are kept.
class Hops {
  public:
    void add(IpAddress const& hop) noexcept {
        kept_[static_cast<std::size_t>(count_ % hops_max)] = hop;
        if (++count_ == 2 * hops_max) count_ -= hops_max;  // only whether there are more matters
    }
    [[nodiscard]] int count() const noexcept { return count_; }
    [[nodiscard]] IpAddress const& from_right(int i) const noexcept {
        return kept_[static_cast<std::size_t>((count_ - 1 - i) % hops_max)];
    }

  private:
    std::array<IpAddress, hops_max> kept_{};
    int count_ = 0;
};

// forwarded-element *( "," forwarded-element ); an element: [pair] *( ";" [pair] ).
class ForwardedReader {
  public:
    ForwardedReader(std::string_view text, Hops& hops) noexcept : rest_(text), hops_(hops) {}

    bool read() noexcept {
        for (;;) {
            if (!element()) return false;
            if (rest_.empty()) return true;
            if (rest_.front() != ',') return false;
            rest_.remove_prefix(1);
        }
    }

  private:
    void skip_space() noexcept {
        while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
    }

    bool element() noexcept {
        bool is_empty = true;
        bool has_for = false;
        IpAddress hop;
        skip_space();
        while (!rest_.empty() && rest_.front() != ',') {
            if (rest_.front() == ';') {
                rest_.remove_prefix(1);
                skip_space();
                continue;
            }
            is_empty = false;
            auto const name = token();
            if (name.empty() || rest_.empty() || rest_.front() != '=') return false;
            rest_.remove_prefix(1);
            if (!value()) return false;
            if (http::iequals(name, "for")) {
                if (has_for) return false;  // which one holds?
                has_for = true;
                hop = parse_hop({value_.data(), value_size_});
            }
            skip_space();
            if (!rest_.empty() && rest_.front() != ';' && rest_.front() != ',') return false;
        }
        // An element without `for` is a hop all the same, of nobody known.
        if (!is_empty) hops_.add(hop);
        return true;
    }

    std::string_view token() noexcept {
        std::size_t size = 0;
        while (size < rest_.size() && is_token_byte(rest_[size])) ++size;
        auto const text = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return text;
    }

    void keep(char c) noexcept {
        if (value_size_ < value_.size()) value_[value_size_] = c;
        ++value_size_;
    }

    // Into value_; one that is too long for an address is kept as "".
    bool value() noexcept {
        value_size_ = 0;
        bool const is_read = !rest_.empty() && rest_.front() == '"' ? quoted() : plain();
        if (value_size_ > value_.size()) value_size_ = 0;
        return is_read;
    }

    // A token; as many proxies write it, also with the ":", "[" and "]" of an address.
    bool plain() noexcept {
        std::size_t size = 0;
        while (size < rest_.size() &&
               (is_token_byte(rest_[size]) ||
                std::string_view{":[]"}.find(rest_[size]) != std::string_view::npos)) {
            keep(rest_[size++]);
        }
        rest_.remove_prefix(size);
        return size > 0;
    }

    bool quoted() noexcept {
        rest_.remove_prefix(1);
        while (!rest_.empty()) {
            char c = rest_.front();
            rest_.remove_prefix(1);
            if (c == '"') return true;
            if (c == '\\') {
                if (rest_.empty()) return false;
                c = rest_.front();
                rest_.remove_prefix(1);
            }
            keep(c);
        }
        return false;
    }

    std::string_view rest_;
    Hops& hops_;
    std::array<char, node_bytes_max> value_{};
    std::size_t value_size_ = 0;
};

}  // namespace

IpAddress parse_hop(std::string_view text) noexcept {
    text = trimmed(text);
    if (text.starts_with('[')) {
        auto const end = text.find(']');
        if (end == std::string_view::npos) return {};
        auto const behind = text.substr(end + 1);
        if (!behind.empty() && (behind.front() != ':' || !is_port(behind.substr(1)))) return {};
        auto const host = text.substr(1, end - 1);
        if (host.find(':') == std::string_view::npos) return {};
        return IpAddress::parse(host).value_or(IpAddress{});
    }
    // One colon: IPv4 and a port; more: IPv6.
    auto const colon = text.find(':');
    if (colon != std::string_view::npos && text.rfind(':') == colon) {
        if (!is_port(text.substr(colon + 1))) return {};
        text = text.substr(0, colon);
    }
    return IpAddress::parse(text).value_or(IpAddress{});
}

IpAddress client_by_x_forwarded_for(std::span<std::string_view const> fields,
                                    IpRanges const& trusted, IpAddress const& peer) noexcept {
    IpAddress client = peer;
    int hops = 0;
    for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
        auto rest = *field;
        while (!rest.empty()) {
            auto const comma = rest.rfind(',');
            auto const entry =
                trimmed(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
            rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(0, comma);
            if (entry.empty()) continue;
            if (++hops > hops_max) return {};
            client = parse_hop(entry);
            if (!contains(trusted, client)) return client;
        }
    }
    return client;
}

std::optional<IpAddress> client_by_forwarded(std::span<std::string_view const> fields,
                                             IpRanges const& trusted,
                                             IpAddress const& peer) noexcept {
    Hops hops;
    for (auto const field : fields) {
        if (!ForwardedReader(field, hops).read()) return std::nullopt;
    }
    return walk(
        hops.count(), [&hops](int i) { return hops.from_right(i); }, trusted, peer);
}

}  // namespace sluice::codec
