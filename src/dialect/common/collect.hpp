// Events put together to a whole answer: for callers who asked for one where the provider streams,
// and for whoever has to see all of it. The inverse of explode. Pure.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "sluice/llm/answer.hpp"

namespace sluice::dialect {

class Collector final : public llm::EventSink {
  public:
    // `bytes_max` bounds what is kept; beyond it overflowed() and nothing more is taken.
    explicit Collector(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    void on_event(llm::Event const& event) override;
    [[nodiscard]] bool overflowed() const noexcept { return overflowed_; }
    // Once. The answer owns its texts.
    llm::Answer take();

  private:
    struct Source {  // a Citation with its texts
        std::string url, title, json, dialect;
    };
    struct Part {  // of one block: texts in their quoted form without the quotes
        llm::BlockKind kind = llm::BlockKind::text;
        std::string id, name, text, arguments, signature, data, json, dialect;
        std::vector<Source> cited;
    };
    struct Choice {
        std::vector<Part> blocks;
        std::string stop_sequence, native;
        std::string logprobs[2];  // of content and refusal: elements so far
        bool has_logprobs = false;
        llm::StopReason reason = llm::StopReason::unset;
    };

    Choice& of(std::uint32_t number);
    void open(llm::Event const& event);
    void add(llm::Event const& event);
    bool fits(std::size_t bytes);
    static void add_logprobs(Choice& choice, std::string_view json);
    static llm::Block taken(Part& part, llm::Answer& answer);

    std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::string id_, model_;
    std::vector<Choice> choices_;
    llm::Usage usage_;
    bool overflowed_ = false;
};

}  // namespace sluice::dialect
