#include "stage/limiter/media.hpp"

#include <array>
#include <cstring>

namespace sluice::stage {
namespace {

constexpr std::array<std::string_view, 4> words = {"\"image_url\"", "\"source\"", "\"file\"",
                                                   "\"input_audio\""};

// Sixteen bytes at once: the compiler makes of it what the machine has.
using Block = std::uint8_t __attribute__((vector_size(16)));
constexpr std::size_t run = 4 * sizeof(Block);

Block load(char const* from) noexcept {
    Block block;
    std::memcpy(&block, from, sizeof block);
    return block;
}

bool is_any(Block block) noexcept {
    std::array<std::uint64_t, 2> halves{};
    std::memcpy(halves.data(), &block, sizeof block);
    return (halves[0] | halves[1]) != 0;
}

// All ones where a quote stands before a letter that one of the words begins with.
Block hits(char const* at) noexcept {
    Block const next = load(at + 1);
    return reinterpret_cast<Block>((load(at) == '"') &
                                   ((next == 'i') | (next == 's') | (next == 'f')));
}

// Words that begin in [from, to).
std::int64_t count(std::string_view body, std::size_t from, std::size_t to) noexcept {
    std::int64_t found = 0;
    for (auto at = body.find('"', from); at < to; at = body.find('"', at + 1)) {
        auto const rest = body.substr(at);
        for (auto const word : words) found += rest.starts_with(word) ? 1 : 0;
    }
    return found;
}

// Whether a word can begin in the run at `at`.
bool is_hit(char const* at) noexcept {
    return is_any(hits(at) | hits(at + 16) | hits(at + 32) | hits(at + 48));
}

bool has_quote(char const* at) noexcept {
    Block quotes{};
    for (std::size_t i = 0; i < run; i += sizeof(Block)) {
        quotes |= reinterpret_cast<Block>(load(at + i) == '"');
    }
    return is_any(quotes);
}

}  // namespace

std::int64_t media_in(std::string_view body) noexcept {
    std::int64_t found = 0;
    std::size_t at = 0;
    for (; at + run < body.size(); at += run) {
        auto const* const bytes = body.data() + at;
        if (has_quote(bytes) && is_hit(bytes)) found += count(body, at, at + run);
    }
    // The rest, with some of what was seen before it. No word begins with the last byte.
    bool const is_worth_it = body.size() <= run || is_hit(body.data() + body.size() - run - 1);
    return is_worth_it ? found + count(body, at, body.size()) : found;
}

}  // namespace sluice::stage
