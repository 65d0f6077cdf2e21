// The front door: net's Handler for client listeners. Makes the Exchange, finds the endpoint by
// method and path, runs it, and finishes exactly once on every path.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/endpoint.hpp"
#include "sluice/exchange.hpp"

#include "engine/worker_context.hpp"
#include "net/server_stream.hpp"

namespace sluice::engine {

struct EndpointEntry {
    http::Method method = http::Method::post;
    // "/v1/models" or "/v1/models/*": a last "/*" matches one or more further segments.
    std::string path;
    Endpoint* endpoint = nullptr;      // outlives the door
    Dialect const* dialect = nullptr;  // in which errors on this path are told
};

class FrontDoor final : public net::Handler {
  public:
    // `workers` is indexed by Worker::index() and outlives the door.
    FrontDoor(std::vector<EndpointEntry> endpoints, std::span<WorkerContext> workers,
              Dialect const& default_dialect);

    Async<> handle(net::ServerStream& stream) override;
    // A malformed request is no exchange and leaves no record; its answer has an id all the same.
    void malformed_headers(Error const& error, http::HeaderBlock& headers) override;
    std::string malformed(Error const& error, std::string_view path) override;

  private:
    struct Match {
        EndpointEntry const* entry = nullptr;
        std::string allow;  // methods of the path when only the method was wrong
    };
    [[nodiscard]] Match find(http::Method method, std::string_view path) const;
    Async<> admit(Exchange& x, Match const& match, bool is_too_many) const;
    Async<> serve(Exchange& x, Match const& match) const;
    Async<> serve_none(Exchange& x, Match const& match) const;
    [[nodiscard]] Dialect const& dialect_of(http::HeaderView headers) const;
    [[nodiscard]] Error unknown_path(std::string_view path) const;

    std::vector<EndpointEntry> endpoints_;
    std::span<WorkerContext> workers_;
    Dialect const& default_dialect_;
    std::vector<Dialect const*> shown_dialects_;  // those with a version header, each once
};

}  // namespace sluice::engine
