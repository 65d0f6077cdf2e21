// The matchers and the filter: whatever the bytes and wherever they are cut, a stream comes out as
// the whole text does, and a document of JSON stays one.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "codec/json_walk.hpp"
#include "guard/filter.hpp"

using namespace sluice::guard;

namespace {

GuardSet const& guards() {
    static auto const book = [] {
        Guard guard;
        guard.name = "g";
        for (auto const name : detector_names()) guard.detect.emplace_back(name);
        guard.patterns = {"(?i)project\\s{1,3}(aurora|borealis)", "\xc3\xbc+x"};
        guard.action = Action::redact;
        guard.hold_bytes_max = 1 << 20;
        auto made = GuardBook::create({guard});
        if (!made || !(*made)->add(1)) std::abort();
        return std::move(*made);
    }();
    return *book->find(1);
}

std::string whole(std::string_view text, Syntax syntax) {
    GuardRun run(guards());
    std::vector<Replacement> found;
    if (find(run, Way::response, text, syntax, found) == Outcome::blocked) std::abort();
    std::string out;
    std::size_t at = 0;
    for (auto const& one : found) {
        if (one.from < at || one.to <= one.from || one.to > text.size()) std::abort();
        out.append(text.substr(at, one.from - at)).append(one.text);
        at = one.to;
    }
    return out.append(text.substr(at));
}

std::string cut(std::string_view text, std::size_t step, Syntax syntax) {
    GuardRun run(guards());
    Filter filter(run, Way::response, syntax);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += step) {
        if (filter.feed(text.substr(at, step), out) == Outcome::blocked) std::abort();
    }
    if (filter.close(out) == Outcome::blocked || filter.held_bytes() != 0) std::abort();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 2 || size > 4096) return 0;
    std::string_view const text{reinterpret_cast<char const*>(data) + 1, size - 1};
    for (auto const syntax : {Syntax::text, Syntax::json}) {
        auto const expected = whole(text, syntax);
        for (std::size_t const step :
             {std::size_t{1}, std::size_t{1} + data[0] % 37, text.size()}) {
            if (cut(text, step, syntax) != expected) std::abort();
        }
        bool const was_json = syntax == Syntax::json && sluice::codec::is_json(text);
        if (was_json && !sluice::codec::is_json(expected)) std::abort();
    }
    return 0;
}
