// A whole anthropic answer, both ways. Called by the translated lane; calls common/walk, json.
#pragma once

#include <string>
#include <string_view>

#include "sluice/dialect.hpp"

namespace sluice::dialect::anthropic {

Result<llm::Answer> read_answer(std::string_view body);
std::string write_answer(llm::Answer const& answer, WriterOptions const& options, Losses& losses);

// What a stop reason is called here, quoted.
std::string_view word_of(llm::StopReason reason) noexcept;

}  // namespace sluice::dialect::anthropic
