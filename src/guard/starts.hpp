// Where in a text a match of any rule may begin: all leads of a guard set in one pass, 64 or 32
// bytes at a time where the machine can, so that rules with nothing to find cost nothing.
//
// Two steps. Leads are put into sixteen buckets; each byte is looked up in tables of bucket bits,
// for each place of a lead, and what is left after all places may be the start of something (the
// way of multi-literal searches that are called Teddy). Then tables of single leads say which fit
// exactly. The first may say too much, neither says too little.
//
// Made when a guard set is compiled; called by find and filter. Immutable, any thread. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "guard/lead.hpp"

namespace sluice::guard {

class Starts {
  public:
    // Leads in all; what rules have beyond that is not taken.
    static constexpr std::size_t leads_max = 256;
    static constexpr std::size_t places_at_once = 256;

    struct Entry {
        Lead lead;
        unsigned rule = 0;
    };

    // `entries` are in order of their rules. Null: there are none, or too many.
    static std::unique_ptr<Starts const> create(std::vector<Entry> entries);

    // Places where something may begin, in order: from `from`, before `to`. Places after which the
    // text ends too soon to tell are among them.
    struct Places {
        std::array<std::uint32_t, places_at_once> at;
        std::array<std::uint16_t, places_at_once> buckets;
        std::size_t count = 0;
        std::size_t next = 0;  // where to go on; `to` when all was looked at

        void add(std::size_t place, unsigned bits) noexcept {
            at[count] = static_cast<std::uint32_t>(place);
            buckets[count++] = static_cast<std::uint16_t>(bits);
        }
    };
    // Precondition: from <= to <= text.size(), which fits in 32 bits.
    void look(std::string_view text, std::size_t from, std::size_t to, Places& out) const {
        look(best_pass(), text, from, to, out);
    }

    // How the first step is done: byte by byte; 32 bytes at once by the halves of each (AVX2); 64
    // at once by whole bytes, all beyond ASCII being taken as one (AVX-512 with VBMI).
    enum class Pass : std::uint8_t { bytes, halves, whole };
    // The best this machine has.
    [[nodiscard]] static Pass best_pass() noexcept;
    // Precondition: the machine has it.
    void look(Pass pass, std::string_view text, std::size_t from, std::size_t to,
              Places& out) const;

    // Calls with each rule that may have a match that begins at the place with this index; with one
    // or another perhaps twice.
    template <class Each>
    void rules_at(std::string_view text, Places const& places, std::size_t index,
                  Each&& each) const {
        auto const rows = rows_at(text, places.at[index]);
        unsigned words = 0;
        for (unsigned bits = places.buckets[index]; bits != 0; bits &= bits - 1) {
            words |= words_of_[static_cast<std::size_t>(__builtin_ctz(bits))];
        }
        auto last = static_cast<unsigned>(-1);
        for (; words != 0; words &= words - 1) {
            auto const word = static_cast<std::size_t>(__builtin_ctz(words));
            auto leads = rows[0][word] & rows[1][word] & rows[2][word] & rows[3][word] &
                         rows[4][word] & rows[5][word];
            for (; leads != 0; leads &= leads - 1) {
                auto const rule =
                    rule_of_[word * 64 + static_cast<std::size_t>(__builtin_ctzll(leads))];
                if (rule == last) continue;
                last = rule;
                each(rule);
            }
        }
    }

  private:
    Starts() = default;

    // The byte before, and those of a lead.
    static constexpr std::size_t columns = Lead::places + 1;
    static_assert(columns == 6);
    // Eight buckets each.
    static constexpr std::size_t banks = 2;
    using Halves = std::array<std::array<std::uint8_t, 16>, columns>;

    // By column: the leads that the byte there fits.
    using Rows = std::array<std::uint64_t const*, columns>;

    struct Bucket;
    [[nodiscard]] static std::vector<Bucket> cluster(std::vector<Entry> const& entries);
    static void settle(std::vector<Entry> const& entries, std::vector<Bucket>& buckets);
    void fill_halves(std::vector<Bucket> const& buckets);
    void fill_whole(std::vector<Entry> const& entries, std::vector<Bucket> const& buckets);
    void fill_exact(std::vector<Entry> const& entries, std::vector<Bucket> const& buckets);
    // Bits of buckets.
    [[nodiscard]] unsigned may_begin(std::string_view text, std::size_t at) const noexcept;
    void look_by_bytes(std::string_view text, std::size_t from, std::size_t to,
                       Places& out) const noexcept;
    void look_by_halves(std::string_view text, std::size_t from, std::size_t to,
                        Places& out) const noexcept;
    void look_whole(std::string_view text, std::size_t from, std::size_t to,
                    Places& out) const noexcept;
    std::size_t look_inside(std::string_view text, std::size_t from, std::size_t to,
                            Places& out) const noexcept;
    void look_at_edge(std::string_view text, std::size_t from, std::size_t count,
                      Places& out) const noexcept;

    [[nodiscard]] std::uint64_t const* row(std::size_t column, char c) const noexcept {
        return exact_.data() + (column * 256 + static_cast<unsigned char>(c)) * words_;
    }
    // What is not there fits all.
    [[nodiscard]] Rows rows_at(std::string_view text, std::size_t at) const noexcept {
        if (at > 0 && at + Lead::places <= text.size()) {
            auto const* const bytes = text.data() + at - 1;
            return {row(0, bytes[0]), row(1, bytes[1]), row(2, bytes[2]),
                    row(3, bytes[3]), row(4, bytes[4]), row(5, bytes[5])};
        }
        Rows rows;
        for (std::size_t column = 0; column < columns; ++column) {
            auto const place = at + column;  // one further than the byte
            bool const is_there = place > 0 && place <= text.size();
            rows[column] = is_there ? row(column, text[place - 1]) : all();
        }
        return rows;
    }
    [[nodiscard]] std::uint64_t const* all() const noexcept {
        return exact_.data() + columns * 256 * words_;
    }

    std::size_t words_ = 0;          // of leads, 64 each
    std::vector<unsigned> rule_of_;  // by lead; leads are in order of their buckets
    std::array<std::uint8_t, 8 * banks> words_of_{};  // by bucket: bits of words with its leads
    // A row for each byte of each column, and one of all leads.
    std::vector<std::uint64_t> exact_;
    // Bits of buckets by the low and the high half of a byte.
    alignas(32) std::array<Halves, banks> low_{};
    alignas(32) std::array<Halves, banks> high_{};
    // The same by the whole byte, and for all bytes beyond ASCII together.
    alignas(64) std::array<std::array<std::array<std::uint8_t, 128>, columns>, banks> ascii_{};
    std::array<std::array<std::uint8_t, columns>, banks> beyond_{};
};

}  // namespace sluice::guard
