// Several answers as the choices of one: whatever they are and however their bytes come mixed, what
// comes out is well-formed in the caller's dialect, and the usage is the sum.
// Input: a byte of settings, then pieces: whose (one byte), how long (one byte), its bytes.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "codec/json_walk.hpp"
#include "dialect/common/fan_in.hpp"
#include "fuzz/dialect_content.hpp"

using namespace sluice;
using fuzz::require;

namespace {

class Frames final : public FrameSink {
  public:
    void on_frame(Frame const& frame) override {
        require(last != FrameKind::done && last != FrameKind::fault, "a frame behind the end");
        text += frame.raw;
        last = frame.kind;
    }
    std::string text;
    FrameKind last = FrameKind::ping;
};

class Nobody final : public llm::EventSink {
  public:
    void on_event(llm::Event const&) override {}
};

void check_stream(Dialect const& to, std::string const& text) {
    Nobody nobody;
    dialect::GrammarCheck check(&nobody);
    auto const reader = fuzz::chat_of(to).open_events(8 << 20);
    auto result = reader->feed(text, check);
    if (result) result = reader->finish(check);
    require(result.ok() && !reader->fault(), "a stream that its own reader refuses");
    check.finish();
    require(check.breach().empty(), "the grammar");
}

void check_usage(dialect::FanIn const& fan) {
    llm::Usage sum;
    for (std::size_t choice = 0; choice < fan.size(); ++choice) {
        auto const seen = fan.seen(choice);
        require(seen.is_whole, "a choice without its end in an answer that is whole");
        sum.input += seen.usage.input;
        sum.output += seen.usage.output;
    }
    require(sum.input == fan.usage().input && sum.output == fan.usage().output, "the sum of usage");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size < 1) return 0;
    std::uint8_t const settings = data[0];
    std::string_view rest{reinterpret_cast<char const*>(data) + 1, size - 1};
    std::size_t const answers = 2 + settings % 3;
    bool const to_stream = (settings & 8) != 0;
    std::vector<bool> are_streams;
    for (std::size_t i = 0; i < answers; ++i) are_streams.push_back((settings >> (4 + i) & 1) == 0);
    dialect::TranslationOptions options;
    options.to_stream = to_stream;
    options.frame_bytes_max = 1 << 16;
    options.writer = fuzz::writer_options();
    Losses losses;
    Frames frames;
    auto const& to = dialect::openai_chat();
    dialect::FanIn fan(fuzz::chat_of(dialect::anthropic_messages()), fuzz::chat_of(to), options,
                       are_streams, losses);
    Result<void> result;
    while (rest.size() >= 2 && result) {
        fan.turn_to(static_cast<std::uint8_t>(rest[0]) % answers);
        auto const length =
            std::min<std::size_t>(4 * static_cast<std::uint8_t>(rest[1]), rest.size() - 2);
        std::vector<char> const bytes(rest.begin() + 2,
                                      rest.begin() + 2 + static_cast<std::ptrdiff_t>(length));
        result = fan.feed({bytes.data(), bytes.size()}, frames);
        rest.remove_prefix(2 + length);
    }
    if (result) result = fan.finish(frames);
    if (!result || fan.fault()) {
        require(frames.last != FrameKind::done, "an end behind an error");
        return 0;
    }
    require(frames.last == FrameKind::done, "no end");
    check_usage(fan);
    if (to_stream) {
        check_stream(to, frames.text);
    } else {
        require(codec::is_json(frames.text), "a whole answer that is no JSON");
        auto const back = fuzz::chat_of(to).read_answer(frames.text);
        require(back.ok() && back->choices.size() <= answers, "a whole answer that is none");
    }
    return 0;
}
