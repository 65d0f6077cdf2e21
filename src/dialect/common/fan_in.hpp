// Several answers of a provider as the choices of one, in the caller's dialect: for requests that
// were sent once for each choice. An AnswerReader as translator's, but it has to be told whose
// bytes come. Pure. Made by engine/lane; calls the dialects' machines.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dialect/common/collect.hpp"
#include "dialect/common/translator.hpp"

namespace sluice::dialect {

class FanIn final : public AnswerReader {
  public:
    // `from_stream`: of each answer, in the order of the choices; options.from_stream is not
    // looked at. `from` and `to` are static tables, `losses` outlives the reader.
    FanIn(ChatMachines const& from, ChatMachines const& to, TranslationOptions options,
          std::vector<bool> const& from_stream, Losses& losses);
    ~FanIn() override;

    // Whose bytes are fed next; the first answer's until then.
    void turn_to(std::size_t choice) noexcept { turn_ = choice; }

    Result<void> feed(std::string_view bytes, FrameSink& sink) override;
    // All have ended.
    Result<void> finish(FrameSink& sink) override;

    // What one of the answers was.
    struct Seen {
        llm::Usage usage;
        std::string model, finish_reason;
        std::uint64_t content_bytes = 0;
        bool is_whole = false;  // read to its end
    };
    [[nodiscard]] Seen seen(std::size_t choice) const;
    [[nodiscard]] std::size_t size() const noexcept { return answers_.size(); }

    // Of all together; the model and the reason are the first one's.
    [[nodiscard]] llm::Usage const& usage() const noexcept override { return usage_; }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override { return fault_; }
    [[nodiscard]] std::string_view model() const noexcept override;
    [[nodiscard]] std::string_view finish_reason() const noexcept override;
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override;

  private:
    class One;

    void on_event(std::size_t choice, llm::Event const& event);
    void tell(Error const& error);
    void conclude();
    void flush(FrameSink& sink);

    ChatMachines const& from_;
    ChatMachines const& to_;
    TranslationOptions options_;
    Losses& losses_;
    std::unique_ptr<EventWriter> writer_;  // null: the caller wants the whole
    Collector collector_;
    std::vector<std::unique_ptr<One>> answers_;
    std::size_t turn_ = 0;
    std::size_t body_bytes_ = 0;  // of answers that come whole, all together
    llm::Usage usage_;
    std::optional<Error> fault_;
    std::string whole_;
    bool has_begun_ = false;
    bool has_spoken_ = false;
    bool concluded_ = false;
};

}  // namespace sluice::dialect
