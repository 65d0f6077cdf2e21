// GET /: tells a person who opened the base URL how to use it. HTML for browsers, text for curl.
#pragma once

#include "sluice/endpoint.hpp"

namespace sluice::endpoint {

class Welcome final : public Endpoint {
  public:
    [[nodiscard]] std::string_view surface() const noexcept override { return "welcome"; }
    Async<> run(Exchange& x) override;
};

}  // namespace sluice::endpoint
