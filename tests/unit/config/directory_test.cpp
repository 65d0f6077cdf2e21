// A directory of files as one configuration, and kinds that stand beside it. On real files.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>

#include "config/kind.hpp"
#include "unit/config/support.hpp"

namespace sluice::config {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class Directory : public testing::Test {
  protected:
    Directory() {
        auto pattern = (fs::temp_directory_path() / "sluice-config-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~Directory() override { fs::remove_all(path_); }

    void write(std::string const& name, std::string const& text) const {
        fs::create_directories(fs::path(path_ + "/" + name).parent_path());
        std::ofstream(path_ + "/" + name) << text;
    }

    std::string path_;
};

TEST_F(Directory, files_are_merged_by_name) {
    write("b.yaml", "providers: {mock: }\nserver: {workers: 2}\nroutes:\n");
    write("a.yaml", "server: {auth: none}\nroutes: {x: mock}\n");
    write(".hidden.yaml", "nonsense: 1\n");
    write("notes.txt", "nonsense");
    auto const loaded = load_document(path_ + "/", with());
    ASSERT_TRUE(loaded.ok()) << told(loaded);
    EXPECT_EQ(loaded.document.server.workers, 2);
    EXPECT_EQ(loaded.document.server.auth, Auth::none);
    EXPECT_EQ(loaded.document.routes.size(), 1U);
}

TEST_F(Directory, a_name_defined_twice_is_told_with_both_places) {
    write("a.yaml", "providers:\n  mock: {kind: mock}\n");
    write("b.yaml", "\nproviders: {mock: {kind: mock}}\n");
    EXPECT_THAT(
        told(load_document(path_, with())),
        HasSubstr(path_ + "/b.yaml:2:13: error: \"providers.mock\" is defined twice, first at " +
                  path_ + "/a.yaml:2:3"));
}

TEST_F(Directory, problems_of_all_files_are_told) {
    write("a.yaml", "a: [\n");
    write("b.yaml", "- 1\n");
    write("c.yml", "");
    auto const told_all = told(load_document(path_, with()));
    EXPECT_THAT(told_all, HasSubstr("/a.yaml:1:4: error: not YAML"));
    EXPECT_THAT(told_all, HasSubstr("/b.yaml:1:1: error: the file must be a map of settings"));
    EXPECT_THAT(told_all, HasSubstr("/c.yml: warning: is not read; name it .yaml"));
}

TEST_F(Directory, an_empty_or_missing_one_is_an_error) {
    EXPECT_THAT(told(load_document(path_, with())), HasSubstr("has no *.yaml file"));
    EXPECT_THAT(told(load_document(path_ + "/nope.yaml", with())),
                HasSubstr("/nope.yaml: error: cannot be read: No such file"));
}

TEST_F(Directory, kinds_beside_the_file_add_and_replace) {
    write("sluice.yaml", "server: {auth: none}\nproviders: {ours: , openai: }\n");
    write("providers/ours.yaml",
          "base_url: \"https://ours.example.com/v1\"\nauth: api_key\nenv: OURS\n");
    write("providers/openai.yaml",
          "base_url: \"https://eu.example.com/v1/\"\nenv: OPENAI_API_KEY\n");
    for (auto const& path : {path_, path_ + "/sluice.yaml"}) {
        auto const loaded = load_document(path, with({{"OURS", "ours-0123456789"}}));
        ASSERT_TRUE(loaded.ok()) << told(loaded);
        auto const& ours = loaded.document.providers.at(0);
        EXPECT_EQ(ours.base_url, "https://ours.example.com/v1");
        EXPECT_EQ(ours.auth, AuthScheme::api_key);
        EXPECT_EQ(ours.keys.at(0).value.reveal(), "ours-0123456789");
        EXPECT_EQ(loaded.document.providers.at(1).base_url, "https://eu.example.com/v1");
    }
}

TEST_F(Directory, kinds_are_read_strictly) {
    write("sluice.yaml", "server: {auth: none}\n");
    write("providers/ours.yaml", "base_ulr: \"https://ours.example.com/v1\"\n");
    EXPECT_THAT(told(load_document(path_ + "/sluice.yaml", with())),
                HasSubstr("/providers/ours.yaml:1:1: error: kind ours has no setting "
                          "\"base_ulr\"; did you mean \"base_url\"?"));
    auto options = with();
    options.providers_dir = path_ + "/nope";
    EXPECT_THAT(told(load_document(path_ + "/sluice.yaml", options)),
                HasSubstr("/nope: error: is not a directory of provider kinds"));
}

TEST(Kinds, built_in_ones_are_whole) {
    std::vector<Problem> problems;
    auto const kinds = read_kinds("", problems);
    EXPECT_TRUE(problems.empty()) << to_text(problems[0]);
    EXPECT_GE(kinds.size(), 10U);
    for (auto const& kind : kinds) {
        EXPECT_NE(kind.title, "") << kind.name;
        EXPECT_NE(kind.base_url.empty(), kind.base_url_example.empty()) << kind.name;
        EXPECT_EQ(kind.needs_credential, !kind.env.empty()) << kind.name;
        EXPECT_FALSE(kind.base_url.ends_with("/")) << kind.name;
    }
}

}  // namespace
}  // namespace sluice::config
