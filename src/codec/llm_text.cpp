#include "sluice/llm/text.hpp"

#include "codec/json_walk.hpp"

namespace sluice::llm {

std::string decoded(Text text) {
    if (!text.exists()) return {};
    codec::JsonString raw{text.json, text.json.find('\\') != std::string_view::npos};
    return raw.decoded();
}

}  // namespace sluice::llm
