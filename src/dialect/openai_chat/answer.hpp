// A whole openai_chat answer, both ways. Called by the translated lane; calls common/walk, json.
#pragma once

#include <string>
#include <string_view>

#include "sluice/dialect.hpp"

namespace sluice::dialect::openai {

Result<llm::Answer> read_answer(std::string_view body);
std::string write_answer(llm::Answer const& answer, WriterOptions const& options, Losses& losses);

llm::StopReason stop_reason_of(llm::Text word) noexcept;
// Some say "stop" behind tool calls, and behind a refusal it is what all say; a client that goes by
// the reason would never run the calls.
llm::StopReason stop_reason_with(llm::StopReason reason, bool has_calls, bool has_refusal) noexcept;
// The tier that was used, in this dialect's words; "" = it has none for it.
std::string_view tier_of(llm::Usage const& usage) noexcept;
// What a stop reason is called here, quoted.
std::string_view word_of(llm::StopReason reason) noexcept;
// {"prompt_tokens":...}, in this dialect's convention.
void append_usage(std::string& out, llm::Usage const& usage);

}  // namespace sluice::dialect::openai
