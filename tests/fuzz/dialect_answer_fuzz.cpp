// Whole answers across dialects: whatever is accepted is written as JSON that the dialect's own
// reader accepts and that says the same; explode and collect are inverse.
#include <cstdint>
#include <string>
#include <vector>

#include "codec/json_walk.hpp"
#include "dialect/common/explode.hpp"
#include "fuzz/dialect_content.hpp"

using namespace sluice;
using fuzz::require;

namespace {

bool is_far_from_the_depth_limit(std::string_view body) {
    codec::JsonScanner scan(body);
    scan.skip_space();
    return scan.skip_value(28);
}

std::string write(Dialect const& to, llm::Answer const& answer) {
    Losses losses;
    auto written = fuzz::chat_of(to).write_answer(answer, fuzz::writer_options(), losses);
    require(codec::is_json(written), "an answer that is no JSON");
    return written;
}

llm::Answer collected(llm::Answer const& answer) {
    dialect::Collector collector(64 << 20);
    dialect::GrammarCheck check(&collector);
    dialect::explode(answer, check);
    check.finish();
    require(check.breach().empty(), "the grammar");
    return collector.take();
}

void check_written(Dialect const& to, llm::Answer const& answer) {
    auto const first = write(to, answer);
    auto const back = fuzz::chat_of(to).read_answer(first);
    if (!back) std::fprintf(stderr, "%s\n", first.c_str());
    require(back.ok(), "an answer that its own reader refuses");
    if (fuzz::is_plausible(answer.usage)) {
        require(fuzz::is_same(back->usage, answer.usage), "other usage");
    }
    auto const second = write(to, *back);
    auto const again = fuzz::chat_of(to).read_answer(second);
    require(again.ok() && write(to, *again) == second, "what was read back is written otherwise");
    // As a stream: what it makes is read back whole.
    auto const writer = fuzz::chat_of(to).open_writer(fuzz::writer_options());
    dialect::explode(answer, *writer);
    writer->finish();
    dialect::Collector collector(64 << 20);
    auto const reader = fuzz::chat_of(to).open_events(64 << 20);
    require(reader->feed(writer->out, collector).ok() && reader->finish(collector).ok() &&
                !reader->fault(),
            "a stream that its own reader refuses");
    auto const streamed = collector.take();
    auto const plain = collected(answer);
    if (!(fuzz::first_of(streamed) == fuzz::first_of(plain))) {
        std::fprintf(stderr, "%s\n", writer->out.c_str());
    }
    require(fuzz::first_of(streamed) == fuzz::first_of(plain), "a stream says something else");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::vector<char> const bytes(data, data + size);
    std::string_view const body{bytes.data(), bytes.size()};
    for (auto const* from : fuzz::both()) {
        auto const answer = fuzz::chat_of(*from).read_answer(body);
        if (!answer) {
            require(answer.error().origin == Origin::upstream, "whose fault it is");
            continue;
        }
        require(codec::is_json(body), "an answer that was no JSON");
        if (!is_far_from_the_depth_limit(body)) continue;
        auto const once = collected(*answer);
        auto const twice = collected(once);
        for (auto const* to : fuzz::both()) {
            require(write(*to, once) == write(*to, twice), "explode and collect are not inverse");
            check_written(*to, *answer);
        }
    }
    return 0;
}
