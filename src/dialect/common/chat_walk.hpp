// The part of a chat request's walk that is the same in every dialect: what is wrong is told when
// the walk has ended; members that mean the same are taken the same way. Base of the dialects'
// read_chat; calls common/walk.
#pragma once

#include <string>
#include <vector>

#include "sluice/llm/request.hpp"
#include "sluice/result.hpp"

#include "dialect/common/walk.hpp"

namespace sluice::dialect {

class ChatWalk {
  protected:
    ChatWalk(std::string_view body, std::string_view dialect) : scan_(body) {
        request_.dialect = dialect;
        scan_.skip_space();
    }
    ~ChatWalk() = default;
    ChatWalk(ChatWalk const&) = delete;
    ChatWalk& operator=(ChatWalk const&) = delete;

    // `ok`: the walk came to its end.
    Result<llm::Request> told(bool ok);
    // Skips the value; the first complaint is told when the walk has ended.
    bool refuse(std::string complaint);
    // null reads as absent.
    bool extra(std::string_view name);
    // A member inside `where` that the model has no place for: named, unless its value says
    // nothing.
    bool unplaced(std::string_view where, std::string_view name);
    // The same in an object whose kind is known at its end only: place() names what was noted.
    using Noted = std::vector<std::string>;
    bool note(Noted& noted, std::string_view name);
    void place(std::string_view where, Noted const& noted);
    bool take_true(bool& out);
    // A list of texts; anything else in it is passed over.
    bool stop_list();
    bool thinking();
    // An array, each element of which must be an object: `f` reads it.
    template <class F>
    bool objects(std::string_view what, F&& f) {
        return each_element(scan_, [&] {
            if (scan_.peek() != JsonKind::object) return refuse(std::string{what});
            return f();
        });
    }
    // Content that is one string.
    bool one_text(std::vector<llm::Block>& blocks);

    JsonScanner scan_;
    llm::Request request_;
    std::string complaint_;
};

}  // namespace sluice::dialect
