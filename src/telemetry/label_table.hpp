// Rows of cells by label values: one worker finds and adds rows, any thread reads them. A row is
// found by hash and compare, without allocation; label values of new rows are copied once. After
// `rows_max` rows every new combination falls into one row labelled "other".
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::telemetry {

inline constexpr std::size_t rows_max = 256;

template <class Row, std::size_t Labels>
class LabelTable {
  public:
    using Views = std::array<std::string_view, Labels>;
    using Texts = std::array<std::string, Labels>;

    // The writing worker only. May throw std::bad_alloc.
    Row& find(Views const& labels) {
        auto const hash = hash_of(labels);
        for (std::size_t at = hash % index_size;; at = (at + 1) % index_size) {
            auto const slot = index_[at];
            if (slot == 0) return add(at, hash, labels);
            auto& entry = *entries_[slot - 1];
            if (entry.hash == hash && is_same(entry.labels, labels)) return entry.row;
        }
    }

    // Any thread: read(Texts const&, Row const&) for each row there is now.
    template <class Read>
    void for_each(Read&& read) const {
        auto const count = count_.load(std::memory_order_acquire);
        for (std::size_t i = 0; i < count; ++i) read(entries_[i]->labels, entries_[i]->row);
        if (auto const* other = other_published_.load(std::memory_order_acquire)) {
            read(other->labels, other->row);
        }
    }

  private:
    static constexpr std::size_t index_size = 1024;  // a power of two, well above rows_max

    struct Entry {
        std::uint64_t hash = 0;
        Texts labels;
        Row row{};
    };

    // Labels are names of the configuration and of the code: nobody picks them to collide.
    static std::uint64_t hash_of(Views const& labels) noexcept {
        std::uint64_t hash = 0;
        auto const add = [&hash](std::uint64_t word) {
            hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
            hash ^= hash >> 32;
        };
        auto const word_at = [](char const* at) {
            std::uint64_t word;
            std::memcpy(&word, at, sizeof word);
            return word;
        };
        for (auto const& label : labels) {
            auto const* at = label.data();
            auto left = label.size();
            add(left);
            if (left < 8) {
                std::uint64_t word = 0;
                for (; left > 0; --left) word = word << 8U | static_cast<unsigned char>(*at++);
                add(word);
                continue;
            }
            for (; left > 8; at += 8, left -= 8) add(word_at(at));
            add(word_at(at + left - 8));  // with some of the bytes before, when it is the last
        }
        return hash;
    }

    static bool is_same(Texts const& a, Views const& b) noexcept {
        for (std::size_t i = 0; i < Labels; ++i) {
            if (a[i] != b[i]) return false;
        }
        return true;
    }

    Row& add(std::size_t at, std::uint64_t hash, Views const& labels) {
        auto const count = count_.load(std::memory_order_relaxed);
        if (count == rows_max) return other();
        auto entry = std::make_unique<Entry>();
        entry->hash = hash;
        for (std::size_t i = 0; i < Labels; ++i) entry->labels[i] = labels[i];
        entries_[count] = std::move(entry);
        index_[at] = static_cast<std::uint16_t>(count + 1);
        count_.store(count + 1, std::memory_order_release);
        return entries_[count]->row;
    }

    Row& other() {
        if (!other_) {
            other_ = std::make_unique<Entry>();
            other_->labels.fill("other");
            other_published_.store(other_.get(), std::memory_order_release);
        }
        return other_->row;
    }

    std::array<std::unique_ptr<Entry>, rows_max> entries_;
    std::atomic<std::size_t> count_{0};
    std::unique_ptr<Entry> other_;
    std::atomic<Entry const*> other_published_{nullptr};
    std::array<std::uint16_t, index_size> index_{};  // 0 = free, else entry + 1
};

}  // namespace sluice::telemetry
