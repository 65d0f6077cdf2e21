// What the openai_chat dialect has no place for. Static tables for the Dialect's own and for the
// page made from them.
#pragma once

#include <span>

#include "sluice/loss.hpp"

namespace sluice::dialect::openai {

std::span<LossRule const> request_losses() noexcept;
std::span<LossRule const> answer_losses() noexcept;
// Members inside of requests in this dialect that read_chat has no place for: those that are known.
std::span<LossRule const> nested_losses() noexcept;

}  // namespace sluice::dialect::openai
