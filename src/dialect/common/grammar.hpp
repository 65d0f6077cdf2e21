// The event grammar's checker: an EventSink between a reader and whoever reads it, for tests and
// fuzzing. See sluice/llm/event.hpp for the grammar. Pure.
#pragma once

#include <string>
#include <vector>

#include "sluice/llm/event.hpp"

namespace sluice::dialect {

class GrammarCheck final : public llm::EventSink {
  public:
    // `next` may be null.
    explicit GrammarCheck(llm::EventSink* next = nullptr) : next_(next) {}

    void on_event(llm::Event const& event) override;
    // "" while the grammar holds; else the first breach.
    [[nodiscard]] std::string const& breach() const noexcept { return breach_; }
    // The stream has ended well: every choice that began must have ended.
    void finish();

  private:
    struct Choice {
        std::uint32_t blocks = 0;
        bool begun = false;
        bool is_open = false;
        bool ended = false;
    };
    void fail(std::string what);

    llm::EventSink* next_;
    std::vector<Choice> choices_;
    std::string breach_;
    bool begun_ = false;
    bool faulted_ = false;
};

}  // namespace sluice::dialect
