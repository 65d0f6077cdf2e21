// The bindings of single values. See binding.hpp.
#include "config/binding.hpp"

#include <charconv>

namespace sluice::config {
namespace {

bool has_reference(Node const& node) { return node.text.find('$') != std::string::npos; }

std::string expected_integer(std::int64_t least, std::int64_t most) {
    return "a whole number from " + std::to_string(least) + " to " + std::to_string(most);
}

}  // namespace

Binding<bool> boolean() {
    Binding<bool> binding;
    binding.shape.type = Shape::Type::boolean;
    binding.read = [](Reader& reader, Node const& node, bool& out) {
        auto const word = reader.text(node, "true or false");
        if (!word) return;
        bool const is_word = *word == "true" || *word == "false";
        if (!is_word || (node.quoted && !has_reference(node))) {
            return reader.error(node.place, "must be true or false, without quotes");
        }
        out = *word == "true";
    };
    binding.show = [](bool const& value) { return Json(value); };
    return binding;
}

Binding<std::int64_t> integer(std::int64_t least, std::int64_t most) {
    Binding<std::int64_t> binding;
    binding.shape.type = Shape::Type::integer;
    binding.shape.least = least;
    binding.shape.most = most;
    binding.read = [least, most](Reader& reader, Node const& node, std::int64_t& out) {
        auto const expected = expected_integer(least, most);
        auto const digits = reader.text(node, expected);
        if (!digits) return;
        std::int64_t value = 0;
        auto const* end = digits->data() + digits->size();
        auto const [at, failure] = std::from_chars(digits->data(), end, value);
        bool const is_number = failure == std::errc{} && at == end;
        if (!is_number || value < least || value > most || (node.quoted && !has_reference(node))) {
            return reader.error(node.place, "must be " + expected + ", without quotes or unit");
        }
        out = value;
    };
    binding.show = [](std::int64_t const& value) { return Json(value); };
    return binding;
}

Binding<double> fraction() {
    Binding<double> binding;
    binding.shape.type = Shape::Type::fraction;
    binding.shape.says = "a number from 0 to 1";
    binding.read = [](Reader& reader, Node const& node, double& out) {
        auto const digits = reader.text(node, "a number from 0 to 1");
        if (!digits) return;
        double value = -1;
        auto const* end = digits->data() + digits->size();
        auto const [at, failure] = std::from_chars(digits->data(), end, value);
        bool const is_within = failure == std::errc{} && at == end && value >= 0 && value <= 1;
        if (!is_within || (node.quoted && !has_reference(node))) {
            return reader.error(node.place, "must be a number from 0 to 1, without quotes or unit");
        }
        out = value;
    };
    binding.show = [](double const& value) {
        return value == 0 || value == 1 ? Json(static_cast<int>(value)) : Json(value);
    };
    return binding;
}

Binding<int> small_integer(int least, int most) {
    auto const wide = integer(least, most);
    Binding<int> binding;
    binding.shape = wide.shape;
    binding.read = [wide](Reader& reader, Node const& node, int& out) {
        std::int64_t value = out;
        wide.read(reader, node, value);
        out = static_cast<int>(value);
    };
    binding.show = [](int const& value) { return Json(value); };
    return binding;
}

Binding<std::string> text(std::string says, Check check, std::string pattern) {
    Binding<std::string> binding;
    binding.shape.says = says;
    binding.shape.pattern = std::move(pattern);
    binding.read = [says, check](Reader& reader, Node const& node, std::string& out) {
        auto value = reader.text(node, says);
        if (!value) return;
        if (check) {
            if (auto const wrong = check(*value)) return reader.error(node.place, *wrong);
        }
        out = std::move(*value);
    };
    binding.show = [](std::string const& value) { return Json(value); };
    return binding;
}

std::string choice_error(std::string const& given, std::vector<std::string> const& choices) {
    auto const near = suggestion(given, choices);
    return "must be one of " + joined(choices) + (near.starts_with("; did") ? near : "");
}

Binding<std::string> one_of(std::vector<std::string> choices) {
    auto binding = text("one of " + joined(choices),
                        [choices](std::string const& given) -> std::optional<std::string> {
                            for (auto const& known : choices) {
                                if (known == given) return std::nullopt;
                            }
                            return choice_error(given, choices);
                        });
    binding.shape.choices = choices;
    return binding;
}

}  // namespace sluice::config
