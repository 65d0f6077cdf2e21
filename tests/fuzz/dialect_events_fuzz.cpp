// Streams across dialects: any bytes in any split make the same events, which obey the grammar;
// what either dialect writes of them is read back by its own reader and says the same.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "codec/json_walk.hpp"
#include "fuzz/dialect_content.hpp"

using namespace sluice;
using fuzz::require;

namespace {

constexpr std::size_t frame_bytes_max = 1 << 16;
constexpr std::size_t own_frame_bytes_max = 8 << 20;

// Every event in words.
class Log final : public llm::EventSink {
  public:
    void on_event(llm::Event const& e) override {
        for (auto const number : {static_cast<int>(e.kind), static_cast<int>(e.choice),
                                  static_cast<int>(e.block), static_cast<int>(e.block_kind),
                                  static_cast<int>(e.part), static_cast<int>(e.reason)}) {
            text += std::to_string(number) + ' ';
        }
        for (auto const piece :
             {e.id.json, e.model.json, e.name.json, e.text.json, e.json, e.native, e.dialect}) {
            text.append(piece).append("|");
        }
        if (e.citation) text.append(e.citation->url.json).append(e.citation->json);
        if (e.usage) text += std::to_string(e.usage->input) + std::to_string(e.usage->output);
        if (e.error) text += to_string(e.error->code);
        text += '\n';
    }
    std::string text;
};

class Both final : public llm::EventSink {
  public:
    Both(llm::EventSink& a, llm::EventSink& b) : a_(a), b_(b) {}
    void on_event(llm::Event const& event) override {
        a_.on_event(event);
        b_.on_event(event);
    }

  private:
    llm::EventSink& a_;
    llm::EventSink& b_;
};

struct Reading {
    std::string log;
    llm::Answer answer;
    llm::Usage usage;
    bool is_whole = false;  // neither cut nor a fault
    bool has_fault = false;
};

// Also writes what it reads, where a writer is given.
Reading read(ChatMachines const& from, std::string_view text, std::size_t step,
             std::size_t frame_max, EventWriter* writer = nullptr) {
    Log log;
    dialect::Collector collector(64 << 20);
    Both heard(log, collector);
    dialect::GrammarCheck check(&heard);
    auto const reader = from.open_events(frame_max);
    std::unique_ptr<Both> told;
    llm::EventSink* sink = &check;
    if (writer) {
        told = std::make_unique<Both>(check, *writer);
        sink = told.get();
    }
    Result<void> result;
    for (std::size_t at = 0; at < text.size() && result; at += step) {
        auto const piece = text.substr(at, step);
        std::vector<char> const bytes(piece.begin(), piece.end());
        result = reader->feed({bytes.data(), bytes.size()}, *sink);
    }
    if (result) result = reader->finish(*sink);
    Reading reading;
    reading.has_fault = reader->fault().has_value();
    reading.is_whole = result.ok() && !reading.has_fault;
    if (reading.is_whole) check.finish();
    if (!check.breach().empty()) std::fprintf(stderr, "%s\n", check.breach().c_str());
    require(check.breach().empty(), "the grammar");
    if (writer && reading.is_whole) writer->finish();
    reading.usage = reader->usage();
    reading.log = log.text;
    if (!result) reading.log += to_string(result.error().code);
    reading.log += std::string{reader->model()} + std::string{reader->finish_reason()} +
                   std::to_string(reader->content_bytes());
    reading.answer = collector.take();
    return reading;
}

void check_whole(Dialect const& to, llm::Answer const& answer) {
    Losses losses;
    auto const written = fuzz::chat_of(to).write_answer(answer, fuzz::writer_options(), losses);
    require(codec::is_json(written), "a whole answer that is no JSON");
    auto const back = fuzz::chat_of(to).read_answer(written);
    require(back.ok(), "a whole answer that its own reader refuses");
    require(fuzz::first_of(*back) == fuzz::first_of(answer), "a whole answer says something else");
}

void check_written(Dialect const& from, Dialect const& to, std::string_view text) {
    auto const& machines = fuzz::chat_of(to);
    auto const first = machines.open_writer(fuzz::writer_options());
    auto const source =
        read(fuzz::chat_of(from), text, text.size() + 1, frame_bytes_max, first.get());
    auto const second = machines.open_writer(fuzz::writer_options());
    auto const back = read(machines, first->out, 97, own_frame_bytes_max, second.get());
    if (source.has_fault) {
        require(back.has_fault, "a fault that was not told");
        return;
    }
    require(!back.has_fault, "a stream that its own reader refuses");
    if (!source.is_whole) return;
    require(back.is_whole, "a stream that seems to be cut");
    require(fuzz::first_of(back.answer) == fuzz::first_of(source.answer),
            "a stream says something else");
    if (fuzz::is_plausible(source.usage)) {
        require(fuzz::is_same(back.usage, source.usage), "other usage");
    }
    auto const third = machines.open_writer(fuzz::writer_options());
    (void)read(machines, second->out, second->out.size() + 1, own_frame_bytes_max, third.get());
    require(second->out == third->out, "what was read back is written otherwise");
    check_whole(to, source.answer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    std::string_view const text{reinterpret_cast<char const*>(data), size};
    for (auto const* from : fuzz::both()) {
        auto const& machines = fuzz::chat_of(*from);
        auto const whole = read(machines, text, size + 1, frame_bytes_max);
        // Byte by byte where that is quick.
        std::size_t const small = size <= 600 ? 1 : 11;
        for (std::size_t const step : {small, size / 2 + 1}) {
            require(read(machines, text, step, frame_bytes_max).log == whole.log,
                    "the split matters");
        }
        for (auto const* to : fuzz::both()) check_written(*from, *to, text);
    }
    return 0;
}
