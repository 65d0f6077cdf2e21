// The extension by which thoughts with signatures pass through this dialect: `reasoning_details` of
// an assistant's message or of its deltas (docs/reference/dialects.md). Others write it, too.
// Called by the readers of requests and answers; calls common/walk.
#pragma once

#include <optional>
#include <vector>

#include "sluice/llm/message.hpp"

#include "dialect/common/walk.hpp"

namespace sluice::dialect::openai {

// One object of the list: a thought, or a piece of one.
struct ThoughtDetail {
    llm::Text text, signature, data;
    std::string_view dialect;  // of signature and data; "" = of none that is known
    std::optional<std::int64_t> index;
};

bool read_thought_detail(JsonScanner& scan, ThoughtDetail& out);

// f(detail) for each object of the list.
template <class F>
bool read_thought_details(JsonScanner& scan, F&& f) {
    if (scan.peek() != JsonKind::array) return scan.skip_value(0);
    return each_element(scan, [&] {
        if (scan.peek() != JsonKind::object) return scan.skip_value(0);
        ThoughtDetail detail;
        if (!read_thought_detail(scan, detail)) return false;
        f(detail);
        return true;
    });
}

// Pieces put together: those with the same index are one thought.
class ThoughtPieces {
  public:
    // `owner`: a Request or an Answer, keeps what is joined.
    template <class Owner>
    void add(ThoughtDetail const& piece, std::vector<llm::Block>& thoughts, Owner& owner) {
        // A redacted thought is one piece, whatever its number.
        bool const goes_on = piece.index && piece.index == last_ && !thoughts.empty() &&
                             !piece.data.exists() && !thoughts.back().data.exists();
        last_ = piece.index;
        if (!goes_on) thoughts.emplace_back().kind = llm::BlockKind::thought;
        auto& thought = thoughts.back();
        if (thought.text.exists() && piece.text.exists()) {
            std::string text = "\"";
            text.append(thought.text.inner()).append(piece.text.inner()).append("\"");
            thought.text = owner.make(std::move(text));
        } else if (piece.text.exists()) {
            thought.text = piece.text;
        }
        if (piece.signature.exists()) thought.signature = piece.signature;
        if (piece.data.exists()) thought.data = piece.data;
        if (thought.dialect.empty()) thought.dialect = piece.dialect;
    }

  private:
    std::optional<std::int64_t> last_;
};

}  // namespace sluice::dialect::openai
