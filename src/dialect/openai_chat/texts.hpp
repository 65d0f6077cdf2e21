// Where texts stand in answers of this dialect: chat and legacy completions, streamed or whole.
#pragma once

#include "sluice/texts.hpp"

namespace sluice::dialect::openai {

AnswerTexts const& answer_texts() noexcept;

}  // namespace sluice::dialect::openai
