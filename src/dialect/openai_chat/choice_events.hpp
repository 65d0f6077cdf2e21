// One choice of a stream as events: blocks open and close as the kind of its deltas changes.
// Fragments of several tool calls may come mixed, told apart by their index; one block is open at a
// time, so those of later calls wait, bounded, until the arguments before them are whole. Called by
// the event reader.
#pragma once

#include <string>
#include <vector>

#include "sluice/llm/event.hpp"
#include "sluice/result.hpp"

#include "dialect/common/arguments.hpp"
#include "dialect/openai_chat/choice_delta.hpp"

namespace sluice::dialect::openai {

class ChoiceEvents {
  public:
    static constexpr std::size_t waiting_bytes_max = std::size_t{4} << 20;
    static constexpr std::size_t calls_max = 1024;

    explicit ChoiceEvents(std::uint32_t number) : number_(number) {}

    // Error upstream_bad_response: a call goes on that has ended, or too much waits.
    Result<void> take(ChoiceDelta const& delta, llm::EventSink& sink);
    // The choice has ended: what waits is told, what is open closes. Once.
    void end(llm::Text finish, llm::EventSink& sink);

    [[nodiscard]] bool has_begun() const noexcept { return has_begun_; }
    [[nodiscard]] bool has_ended() const noexcept { return has_ended_; }
    [[nodiscard]] std::uint64_t content_bytes() const noexcept { return content_bytes_; }

  private:
    struct Call {
        enum class State : std::uint8_t { waiting, open, closed };
        std::optional<std::int64_t> index;  // theirs
        State state = State::waiting;
        std::string id, name;   // quoted; "" = not said
        std::string arguments;  // of a waiting one: so far, between the quotes
    };

    void add_text(llm::BlockKind kind, llm::Text text, llm::EventSink& sink);
    void add_thought(ThoughtDetail const& detail, llm::EventSink& sink);
    Result<void> add_call(ToolDelta const& delta, llm::EventSink& sink);
    Call* find(ToolDelta const& delta) noexcept;
    // Opens what waits, as far as nothing open is in its way. `all`: nothing more comes.
    void advance(bool all, llm::EventSink& sink);
    void add_arguments(llm::Text fragment, llm::EventSink& sink);
    // Closes what is open; the event that opens the next block, to be completed and told.
    llm::Event opened(llm::BlockKind kind, llm::EventSink& sink);
    void close(llm::EventSink& sink);
    [[nodiscard]] llm::Event made(llm::EventKind kind) const noexcept;

    std::uint32_t number_;
    std::uint32_t blocks_ = 0;  // opened so far
    llm::BlockKind open_kind_ = llm::BlockKind::text;
    bool is_open_ = false;
    bool has_begun_ = false;
    bool has_ended_ = false;
    bool has_refusal_ = false;
    std::optional<std::int64_t> thought_index_;  // of the open thought
    std::string_view thought_dialect_;
    std::vector<Call> calls_;
    std::size_t next_call_ = 0;  // the first that waits
    ArgumentsEnd arguments_;     // of the open call
    std::size_t waiting_bytes_ = 0;
    std::uint64_t content_bytes_ = 0;
    std::string quoted_;  // scratch
};

}  // namespace sluice::dialect::openai
