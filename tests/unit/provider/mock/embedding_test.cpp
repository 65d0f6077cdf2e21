// Embeddings: unit length, deterministic, both encodings the same numbers.
#include "provider/mock/embedding.hpp"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

#include "codec/base64.hpp"

namespace sluice::provider::mock {
namespace {

using nlohmann::json;

json answer_to(char const* body) {
    auto const written = write_embeddings(json::parse(body));
    EXPECT_TRUE(written.ok()) << (written.ok() ? "" : written.error().message);
    return json::parse(*written);
}

TEST(Embed, UnitVectorsThatDependOnTheText) {
    for (std::size_t const dimensions : {1, 8, 1536}) {
        double squares = 0;
        for (float const value : embed("hello", dimensions)) squares += value * value;
        EXPECT_NEAR(squares, 1.0, 1e-4);
    }
    EXPECT_EQ(embed("a", 16), embed("a", 16));
    EXPECT_NE(embed("a", 16), embed("b", 16));
}

TEST(WriteEmbeddings, FloatAndBase64AreTheSameNumbers) {
    auto const floats = answer_to(R"({"model":"e","input":"hello","dimensions":8})");
    auto const packed =
        answer_to(R"({"model":"e","input":"hello","dimensions":8,"encoding_format":"base64"})");
    auto const bytes = codec::from_base64(packed["data"][0]["embedding"].get<std::string>());
    ASSERT_TRUE(bytes && bytes->size() == 8 * sizeof(float));
    std::vector<float> values(8);
    std::memcpy(values.data(), bytes->data(), bytes->size());
    EXPECT_EQ(floats["data"][0]["embedding"].get<std::vector<float>>(), values);
}

TEST(WriteEmbeddings, EveryFormOfInput) {
    struct Case {
        char const* body;
        std::size_t vectors;
        int tokens;
    };
    for (auto const& [body, vectors, tokens] :
         {Case{R"({"model":"e","input":"one two"})", 1, 2},
          Case{R"({"model":"e","input":["a","b c"]})", 2, 3},
          Case{R"({"model":"e","input":[1,2,3]})", 1, 3},
          Case{R"({"model":"e","input":[[1,2],[3]]})", 2, 3}}) {
        auto const made = answer_to(body);
        EXPECT_EQ(made["object"], "list");
        EXPECT_EQ(made["model"], "e");
        ASSERT_EQ(made["data"].size(), vectors);
        EXPECT_EQ(made["data"][vectors - 1]["index"], vectors - 1);
        EXPECT_EQ(made["data"][0]["object"], "embedding");
        EXPECT_EQ(made["data"][0]["embedding"].size(), 1536u);
        EXPECT_EQ(made["usage"], (json{{"prompt_tokens", tokens}, {"total_tokens", tokens}}));
    }
}

TEST(WriteEmbeddings, RefusesWhatProvidersRefuse) {
    for (char const* body :
         {R"([])", R"({"input":"x"})", R"({"model":"e"})", R"({"model":"e","input":[]})",
          R"({"model":"e","input":[1,"a"]})", R"({"model":"e","input":{}})",
          R"({"model":"e","input":"x","dimensions":0})",
          R"({"model":"e","input":"x","dimensions":5000})",
          R"({"model":"e","input":"x","encoding_format":"int8"})"}) {
        EXPECT_FALSE(write_embeddings(json::parse(body)).ok()) << body;
    }
}

}  // namespace
}  // namespace sluice::provider::mock
