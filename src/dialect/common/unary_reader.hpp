// Reads a unary answer of a JSON dialect while it passes by: every byte comes out as it
// came, and usage, model, error and the first finish reason are picked up on the way, in bounded
// memory however long the body is. Made by open_reader; calls codec/json_push.
#pragma once

#include <string>

#include "sluice/dialect.hpp"

#include "codec/json_push.hpp"
#include "codec/json_walk.hpp"

namespace sluice::dialect {

// Where a dialect says what is picked up. Static: outlives the readers.
struct UnaryShape {
    std::string_view items;        // the member of the root that holds the answer: "choices"
    std::string_view type;         // the one that says what the body is: "error" makes it a fault
    std::string_view finish;       // "finish_reason"
    std::size_t finish_depth = 1;  // containers around it
    // Walks the value the scanner stands at, `depth` containers around it; false: it is broken.
    // Takes over what it reports when it is an object of at most value_bytes_max and all of it is
    // UTF-8.
    bool (*read_usage)(codec::JsonScanner& scan, std::size_t depth, llm::Usage& usage) = nullptr;

    static constexpr std::size_t value_bytes_max = 16 * 1024;  // of what is picked up
};

class UnaryReader final : public AnswerReader, public InBlock {
  public:
    explicit UnaryReader(UnaryShape const& shape) : shape_(shape), push_(*this) {}

    Result<void> feed(std::string_view bytes, FrameSink& sink) override;
    Result<void> finish(FrameSink& sink) override;
    // One strict walk; only a body that it refuses goes through the machine.
    Result<void> read_whole(std::string_view bytes, FrameSink& sink) override;

    [[nodiscard]] llm::Usage const& usage() const noexcept override { return usage_; }
    [[nodiscard]] std::optional<Error> const& fault() const noexcept override { return fault_; }
    [[nodiscard]] std::string_view model() const noexcept override { return model_; }
    [[nodiscard]] std::string_view finish_reason() const noexcept override {
        return finish_reason_;
    }
    // String values named content, reasoning(_content), thinking, refusal, text, name or arguments
    // inside the items. An escape counts as one byte, \uXXXX as two.
    [[nodiscard]] std::uint64_t content_bytes() const noexcept override { return content_bytes_; }

  private:
    friend class codec::JsonPush<UnaryReader>;
    friend class codec::JsonScanner;

    enum class Member : std::uint8_t {
        other,
        usage,
        model,
        service_tier,
        error,
        type,
        finish,
        items
    };

    void on_key(std::string_view name, std::size_t depth);
    void on_begin(codec::JsonKind kind, std::size_t depth, char const* at);
    void on_end(codec::JsonKind kind, std::size_t depth, char const* behind);
    void on_text(std::size_t raw_bytes) {
        if (is_counted_) content_bytes_ += raw_bytes;
    }

    void start_capture(std::size_t depth, char const* at) noexcept;
    void capture(char const* from, char const* to);
    void use_capture();
    void take_member(std::string_view value, bool overflowed);
    void take_finish_reason(std::string_view value, bool overflowed);
    bool walk(std::string_view body);
    void forget() noexcept;
    // Of the strict walk, inside the items.
    bool on_key(codec::JsonString const& text, std::size_t depth, std::uint8_t&);
    void on_string(codec::JsonString const& text, std::size_t depth);
    [[nodiscard]] FrameKind kind() const noexcept;

    UnaryShape const& shape_;
    codec::JsonPush<UnaryReader> push_;
    llm::Usage usage_;
    std::optional<Error> fault_;
    std::string model_;
    std::string finish_reason_;
    std::uint64_t content_bytes_ = 0;
    std::string captured_;                // the value being picked up, so far
    char const* capture_from_ = nullptr;  // in the current piece
    std::size_t capture_depth_ = 0;
    Member member_ = Member::other;  // of the root
    bool is_capturing_ = false;
    bool overflowed_ = false;
    bool is_finish_reason_ = false;  // the next value is it
    bool is_counted_ = false;        // strings after this key are text of the answer
    bool is_settled_ = false;        // a member other than `error` has come: this is an answer
    bool root_is_object_ = false;
};

}  // namespace sluice::dialect
