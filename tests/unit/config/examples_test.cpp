// Every example loads as it stands; with any one thing wrong it is refused at the right line, and
// no message ever holds a secret.
#include "unit/config/examples.hpp"

#include <gmock/gmock.h>

#include "unit/config/mutation.hpp"
#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

using testing::HasSubstr;
using testing::Not;
using What = Mutation::What;

TEST(Examples, there_are_at_least_six_and_each_loads) {
    auto const all = examples();
    EXPECT_GE(all.size(), 7U);
    for (auto const& example : all) {
        auto const loaded = load_document(example.path, with_everything());
        EXPECT_TRUE(loaded.ok()) << told(loaded);
        EXPECT_FALSE(loaded.document.routes.empty()) << example.path;
    }
}

// Without any variable set, only what truly must be there is missed: never a provider's credential.
TEST(Examples, credentials_that_are_not_set_are_no_error) {
    for (auto const& example : examples()) {
        auto options = with_everything();
        options.env = [](std::string const& name) -> std::optional<std::string> {
            bool const is_provider_key = name.starts_with("OPENAI") || name.starts_with("AZURE") ||
                                         name.starts_with("GROQ") || name.starts_with("OPENROUTER");
            if (is_provider_key || name.ends_with("LISTEN") || name.starts_with("OTEL_")) {
                return std::nullopt;
            }
            return canary + name;
        };
        auto const loaded = load_document(example.path, options);
        EXPECT_TRUE(loaded.ok()) << told(loaded);
    }
}

bool has_error_at(Loaded const& loaded, int line, std::string const& part) {
    return std::any_of(loaded.problems.begin(), loaded.problems.end(), [&](auto const& problem) {
        return problem.severity == Problem::Severity::error && problem.place.line == line &&
               problem.message.find(part) != std::string::npos;
    });
}

TEST(Examples, any_one_thing_wrong_is_told_at_its_line) {
    std::size_t tried = 0;
    for (auto const& example : examples()) {
        auto const root = merged_root(example);
        auto const count = mutation_count(*root);
        auto const whole = load_text(mutate(*root, count).text, "m.yaml", with_everything());
        ASSERT_TRUE(whole.ok()) << example.path << "\n" << told(whole);
        for (std::size_t i = 0; i < count; ++i) {
            auto const mutation = mutate(*root, i);
            ASSERT_NE(mutation.what, What::none);
            auto const loaded = load_text(mutation.text, "m.yaml", with_everything());
            bool const has_nearest =
                mutation.what == What::misspelt || mutation.what == What::no_choice;
            auto const part = has_nearest ? "did you mean \"" + mutation.name + "\"?" : "";
            // The root itself has no line to be wrong at but the first.
            EXPECT_TRUE(has_error_at(loaded, mutation.line, part))
                << example.path << ": " << mutation.name << " at " << mutation.line << "\n"
                << told(loaded) << mutation.text;
            EXPECT_THAT(told(loaded), Not(HasSubstr(canary)));
            ++tried;
        }
    }
    EXPECT_GT(tried, 400U);
}

// "#! " lines of the shipped file: all at once, and each block of them alone.
std::vector<std::vector<std::size_t>> hint_blocks(std::vector<std::string> const& lines) {
    std::vector<std::vector<std::size_t>> blocks;
    bool is_inside = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        bool const is_hint = lines[i].find("#! ") != std::string::npos &&
                             lines[i].find_first_not_of(' ') == lines[i].find("#! ");
        if (is_hint && !is_inside) blocks.emplace_back();
        if (is_hint) blocks.back().push_back(i);
        is_inside = is_hint;
    }
    return blocks;
}

std::string uncommented(std::vector<std::string> lines, std::vector<std::size_t> const& which) {
    for (auto const i : which) lines[i].erase(lines[i].find("#! "), 3);
    std::string text;
    for (auto const& line : lines) text += line + "\n";
    return text;
}

TEST(ShippedFile, every_hint_is_valid_when_uncommented) {
    std::vector<std::string> lines;
    std::istringstream in(text_of(source_dir + "/config/sluice.yaml"));
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    auto const blocks = hint_blocks(lines);
    EXPECT_GE(blocks.size(), 5U);
    auto const pem = make_pem_pair();
    auto const options =
        with({}, {{"/etc/sluice/cert.pem", pem.certificate}, {"/etc/sluice/key.pem", pem.key}});
    std::vector<std::size_t> all;
    for (auto const& block : blocks) {
        all.insert(all.end(), block.begin(), block.end());
        auto const loaded = load_text(uncommented(lines, block), "hint.yaml", options);
        EXPECT_TRUE(loaded.ok()) << told(loaded) << lines[block[0]];
    }
    auto const loaded = load_text(uncommented(lines, all), "hints.yaml", options);
    EXPECT_TRUE(loaded.ok()) << told(loaded);
    EXPECT_EQ(loaded.document.server.listeners.size(), 4U);
    EXPECT_TRUE(loaded.document.provider("spare") != nullptr);
}

}  // namespace
}  // namespace sluice::config
