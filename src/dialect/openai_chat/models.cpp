#include "dialect/openai_chat/models.hpp"

#include "sluice/json.hpp"

namespace sluice::dialect::openai {
namespace {

// https://platform.openai.com/docs/api-reference/models/object
void append(json::Writer& out, ModelName const& model) {
    out.begin_object().member("id", model.id).member("object", "model");
    out.member("created", model.created).member("owned_by", "sluice").end_object();
}

}  // namespace

std::string write_models(std::span<ModelName const> models) {
    json::Writer out;
    out.begin_object().member("object", "list").key("data").begin_array();
    for (auto const& model : models) append(out, model);
    out.end_array().end_object();
    return out.take();
}

std::string write_model(ModelName const& model) {
    json::Writer out;
    append(out, model);
    return out.take();
}

}  // namespace sluice::dialect::openai
