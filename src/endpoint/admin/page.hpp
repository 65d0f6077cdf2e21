// A page of the admin API: checks the admin token, then answers what its function makes, as JSON
// unless that says otherwise. Errors are told as everywhere: {"error": {...}}.
//
// Called by the admin listener's front door; daemon registers the pages. Thread: the admin
// listener's worker; work that may block goes through net::Offload inside the function.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "sluice/endpoint.hpp"
#include "sluice/exchange.hpp"

namespace sluice::endpoint {

struct AdminAnswer {
    std::string body;
    std::string content_type = "application/json";
    std::uint16_t status = 200;
};

class AdminPage final : public Endpoint {
  public:
    // Called for an authorized caller. Its errors go to the caller as they are. Not a capturing
    // coroutine: an ordinary function that returns one (or use `at_once`).
    using Make = std::function<Async<AdminAnswer>(Exchange&)>;
    // `surface` as in records: "admin.routes"; a literal.
    AdminPage(std::string_view surface, Make make) : surface_(surface), make_(std::move(make)) {}

    // A page made at once, without waiting.
    static Make at_once(std::function<Result<AdminAnswer>(Exchange&)> make);

    [[nodiscard]] std::string_view surface() const noexcept override { return surface_; }
    Async<> run(Exchange& x) override;

  private:
    std::string_view surface_;
    Make make_;
};

}  // namespace sluice::endpoint
