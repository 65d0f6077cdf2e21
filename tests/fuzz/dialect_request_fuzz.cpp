// Requests across dialects: whatever a caller's dialect accepts becomes a body that the target's
// own reader accepts, or a refusal that says why.
#include <cstdint>
#include <string>
#include <vector>

#include "codec/json_walk.hpp"
#include "fuzz/dialect_content.hpp"

using namespace sluice;
using fuzz::require;

namespace {

// A translation puts some values a few levels deeper than they came.
bool is_far_from_the_depth_limit(std::string_view body) {
    codec::JsonScanner scan(body);
    scan.skip_space();
    return scan.skip_value(28);
}

void write(llm::Request const& request, Dialect const& to, llm::ModelRules const* rules) {
    Losses losses;
    llm::TargetView target;
    target.model = "target \"model\"";
    target.ask_usage = true;
    target.rules = rules;
    auto const written = fuzz::chat_of(to).write_chat(request, target, losses);
    if (!written) {
        require(!written.error().message.empty(), "a refusal without a word");
        return;
    }
    require(codec::is_json(*written), "a body that is no JSON");
    auto const facts = to.row[0]->read_request(*written);
    if (!facts) std::fprintf(stderr, "%s\n%s\n", facts.error().message.c_str(), written->c_str());
    require(facts.ok(), "a body that its own reader refuses");
    require(facts->model == target.model, "another model");
    require(facts->stream == request.stream, "another kind of answer");
    // And it can be read again.
    require(fuzz::chat_of(to).read_chat(*written).ok(), "a chat that its own reader refuses");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::vector<char> const bytes(data, data + size);
    std::string_view const body{bytes.data(), bytes.size()};
    llm::ModelRules strict;
    strict.output_tokens_max = 1;
    strict.takes_sampling = strict.takes_prefill = strict.takes_schema = false;
    strict.thinking = llm::ThinkingStyle::none;
    llm::ModelRules by_budget;
    by_budget.thinking = llm::ThinkingStyle::budget;
    for (auto const* from : fuzz::both()) {
        if (!from->row[0]->read_request(body)) continue;
        auto const request = fuzz::chat_of(*from).read_chat(body);
        if (!request || !is_far_from_the_depth_limit(body)) continue;
        for (auto const* to : fuzz::both()) {
            llm::ModelRules const* const all[] = {nullptr, &strict, &by_budget};
            for (auto const* rules : all) write(*request, *to, rules);
        }
    }
    return 0;
}
