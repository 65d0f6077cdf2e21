// Where texts of an answer come from, as this dialect's clients are told: links as `annotations`,
// and everything as its own dialect wrote it in the extension `citation_details`
// (docs/reference/dialects.md). Called by the writers of answers.
#pragma once

#include <string>

#include "sluice/llm/message.hpp"

namespace sluice::dialect::openai {

class CitationLists {
  public:
    // `start`, `end`: of the text in the choice's content, in characters.
    void add(llm::Citation const& citation, std::size_t start, std::size_t end);
    [[nodiscard]] bool empty() const noexcept { return annotations_.empty() && details_.empty(); }
    // Both lists, without brackets around them; "" = none.
    [[nodiscard]] std::string const& annotations() const noexcept { return annotations_; }
    [[nodiscard]] std::string const& details() const noexcept { return details_; }

  private:
    std::string annotations_;
    std::string details_;
};

// How many characters (Unicode scalar values) a text has when it is decoded.
std::size_t characters_of(llm::Text text) noexcept;

}  // namespace sluice::dialect::openai
