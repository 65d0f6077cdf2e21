#include "dialect/anthropic/models.hpp"

#include "sluice/json.hpp"

#include "base/timestamp.hpp"

namespace sluice::dialect::anthropic {
namespace {

void append(json::Writer& out, ModelName const& model) {
    std::string created;
    append_timestamp(created, Wall::time_point{seconds{model.created}});
    out.begin_object().member("type", "model").member("id", model.id);
    out.member("display_name", model.id).member("created_at", created).end_object();
}

}  // namespace

std::string write_models(std::span<ModelName const> models) {
    json::Writer out;
    out.begin_object().key("data").begin_array();
    for (auto const& model : models) append(out, model);
    out.end_array().member("has_more", false);
    out.key("first_id");
    models.empty() ? out.null() : out.string(models.front().id);
    out.key("last_id");
    models.empty() ? out.null() : out.string(models.back().id);
    out.end_object();
    return out.take();
}

std::string write_model(ModelName const& model) {
    json::Writer out;
    append(out, model);
    return out.take();
}

}  // namespace sluice::dialect::anthropic
