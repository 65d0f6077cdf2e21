// Where texts stand in answers of this dialect, streamed or whole.
#pragma once

#include "sluice/texts.hpp"

namespace sluice::dialect::anthropic {

AnswerTexts const& answer_texts() noexcept;

}  // namespace sluice::dialect::anthropic
