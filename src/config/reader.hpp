// What every part of the description reads with: the problems found so far, the path to where we
// are, scalars with their references resolved. One per load. Called by bindings and description.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"
#include "config/tree.hpp"

namespace sluice::config {

struct Kind;

// A name somebody wrote that must exist when everything has been read.
struct ModelReference {
    std::string pattern;
    std::string where;  // the path, for the message
    Place place;
};

// A secret, and where it came from.
struct Resolved {
    Secret value;                      // empty: the reference resolved to nothing
    std::string source;                // "OPENAI_KEY_1", "file:/run/secrets/x", "in clear"
    std::vector<std::string> missing;  // variables that are not set
};

class Reader {
  public:
    Reader(LoadOptions const& load_options, std::vector<Kind> const& known_kinds,
           Document const& read_so_far, std::vector<Problem>& problems)
        : options(load_options), kinds(known_kinds), document(read_so_far), problems_(problems) {}

    LoadOptions const& options;
    std::vector<Kind> const& kinds;
    Document const& document;  // as far as it has been read: `server` comes first
    std::vector<ModelReference> model_references;
    std::vector<std::string> from_variables;  // texts that hold a variable's value: not to be shown

    // `message` follows the path: "is not ...", "needs ...".
    void error(Place const& place, std::string const& message);
    void warn(Place const& place, std::string const& message);
    [[nodiscard]] std::string path() const;
    [[nodiscard]] std::size_t error_count() const { return errors_; }

    // nullopt, with the problem told: not a scalar, or its reference does not resolve.
    std::optional<std::string> text(Node const& node, std::string const& expected);
    // References, and `file:`. nullopt as above; a variable that is not set is no problem here.
    std::optional<Resolved> secret(Node const& node, std::string const& expected);
    void wrong_type(Node const& node, std::string const& expected);
    // The text of a PEM file that `entry` of `map` names; nullopt when there is none, or, with the
    // problem told, when it cannot be read or `check` (see pem.hpp) finds something.
    std::optional<std::string> pem_file(Node const& map, std::string_view entry,
                                        std::string const& path,
                                        std::optional<std::string> (*check)(std::string_view));
    // "needs the environment variables A and B, which are not set".
    void needs_variables(Node const& node, std::vector<std::string> const& missing);

    // Names the part being read while it lives.
    class Step {
      public:
        Step(Reader& reader, std::string_view name) : path_(reader.path_) {
            path_.emplace_back(name);
        }
        Step(Step const&) = delete;
        Step& operator=(Step const&) = delete;
        ~Step() { path_.pop_back(); }

      private:
        std::vector<std::string>& path_;
    };

  private:
    [[nodiscard]] std::string subject() const;
    std::optional<std::string> secret_file(Node const& node, std::string const& path);

    std::vector<Problem>& problems_;
    std::vector<std::string> path_;
    std::size_t errors_ = 0;
};

}  // namespace sluice::config
