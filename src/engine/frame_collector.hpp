// Collects what a reader lets through, as pieces to write: neighbouring frames become one piece.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/dialect.hpp"

namespace sluice::engine {

class FrameCollector final : public FrameSink {
  public:
    explicit FrameCollector(bool strip_usage) : strip_usage_(strip_usage) {}

    // The bytes about to be fed: frames inside them stay views, others are copied (the reader's
    // frame dies with its call).
    void feeding(std::string_view bytes) { fed_ = bytes; }

    void on_frame(Frame const& frame) override {
        switch (frame.kind) {
            case FrameKind::ping:
            case FrameKind::begin:
                break;
            case FrameKind::usage:
                spoke_ = true;
                if (strip_usage_) return;
                break;
            case FrameKind::done:
                done_ = true;
                spoke_ = true;
                break;
            case FrameKind::content:
                ++contents_;
                spoke_ = true;
                break;
            case FrameKind::fault:
                break;
        }
        add(frame.raw);
    }

    [[nodiscard]] bool spoke() const noexcept { return spoke_; }
    [[nodiscard]] bool done() const noexcept { return done_; }
    [[nodiscard]] std::uint64_t contents() const noexcept { return contents_; }
    [[nodiscard]] BlockVector<std::string_view>& pieces() noexcept { return pieces_; }

    [[nodiscard]] std::size_t bytes() const noexcept {
        std::size_t sum = 0;
        for (auto const piece : pieces_) sum += piece.size();
        return sum;
    }

    // Moves what the pieces say to `out`; afterwards nothing points into fed bytes any more.
    void move_to(std::string& out) {
        if (out.empty() && copies_.size() == 1 && pieces_.size() == 1) {
            out = std::move(*copies_.front());
        } else {
            for (auto const piece : pieces_) out += piece;
        }
        clear();
    }
    void clear() noexcept {
        pieces_.clear();
        copies_.clear();
    }
    // Some pieces are copies that live here: frames the reader had put together from several reads.
    [[nodiscard]] bool has_copies() const noexcept { return !copies_.empty(); }

  private:
    void add(std::string_view raw) {
        if (raw.empty()) return;
        bool const inside =
            raw.data() >= fed_.data() && raw.data() + raw.size() <= fed_.data() + fed_.size();
        if (!inside) {
            pieces_.emplace_back(*copies_.emplace_back(std::make_unique<std::string>(raw)));
            return;
        }
        if (!pieces_.empty() && pieces_.back().data() + pieces_.back().size() == raw.data()) {
            pieces_.back() = {pieces_.back().data(), pieces_.back().size() + raw.size()};
            return;
        }
        pieces_.push_back(raw);
    }

    std::string_view fed_;
    BlockVector<std::string_view> pieces_;
    std::vector<std::unique_ptr<std::string>> copies_;
    std::uint64_t contents_ = 0;  // frames with content, over all feeds
    bool strip_usage_;
    bool spoke_ = false;
    bool done_ = false;
};

}  // namespace sluice::engine
