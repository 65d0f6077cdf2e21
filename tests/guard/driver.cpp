// Runs the guards' engine on cases it is told on standard input, one a line, and tells what came
// out: the other side of oracle.py. Bytes are in hexadecimal, pieces joined by commas.
//   S <set> <json>               guards (GuardBook) of a set
//   F <set> <syntax> <pieces>    the filter                  -> outcome, most bytes held, text
//   H <set> <syntax> <pieces>    the filter                  -> outcome, bytes held after each,
//   text W <set> <syntax> <text>      the search in whole texts   -> outcome, 0, text A <set>
//   <dialect> <pieces>   a streamed answer           -> outcome, most bytes held, stream U <set>
//   <dialect> <body>     a whole answer              -> outcome, 0, body R <set> <body> a request
//   -> outcome, 0, body
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "dialect/anthropic/anthropic.hpp"
#include "dialect/openai_chat/openai_chat.hpp"
#include "guard/answer_guard.hpp"
#include "guard/filter.hpp"
#include "guard/request_texts.hpp"

namespace {

using namespace sluice;
using namespace sluice::guard;

struct Set {
    std::unique_ptr<GuardBook> book;
    GuardSet const* guards = nullptr;
};

std::string from_hex(std::string_view hex) {
    std::string out;
    auto const value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        out += static_cast<char>(value(hex[i]) << 4 | value(hex[i + 1]));
    }
    return out;
}

std::string to_hex(std::string_view text) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (char const c : text) {
        out += digits[static_cast<unsigned char>(c) >> 4];
        out += digits[static_cast<unsigned char>(c) & 15];
    }
    return out;
}

std::vector<std::string> pieces_of(std::string const& hex) {
    std::vector<std::string> pieces;
    std::stringstream in(hex);
    for (std::string piece; std::getline(in, piece, ',');) pieces.push_back(from_hex(piece));
    return pieces;
}

Set read_set(std::string const& text) {
    std::vector<Guard> guards;
    for (auto const& given : nlohmann::json::parse(text)) {
        Guard guard;
        guard.name = given.at("name");
        guard.detect = given.value("detect", std::vector<std::string>{});
        guard.patterns = given.value("patterns", std::vector<std::string>{});
        std::string const action = given.value("action", "redact");
        guard.action = action == "block"  ? Action::block
                       : action == "flag" ? Action::flag
                                          : Action::redact;
        guard.hold_bytes_max = given.value("hold_bytes_max", std::size_t{512});
        guard.on_overflow =
            given.value("on_overflow", "block") == "pass" ? OnOverflow::pass : OnOverflow::block;
        guards.push_back(std::move(guard));
    }
    Set set;
    auto const count = guards.size();
    auto book = GuardBook::create(std::move(guards));
    if (!book) throw std::runtime_error(book.error().message);
    set.book = std::move(*book);
    auto const mask = (GuardBook::Mask{1} << count) - 1;
    auto added = set.book->add(mask);
    if (!added) throw std::runtime_error(added.error().message);
    set.guards = set.book->find(mask);
    return set;
}

struct Collected final : FrameSink {
    void on_frame(Frame const& frame) override { text += frame.raw; }
    std::string text;
};

struct Told {
    bool blocked = false;
    std::size_t held = 0;
    std::string text;
    std::string each;  // held after each piece, where that was asked
};

Told run_filter(GuardRun& run, Syntax syntax, std::vector<std::string> const& pieces) {
    Filter filter(run, Way::response, syntax);
    Told told;
    for (auto const& piece : pieces) {
        told.blocked = filter.feed(piece, told.text) == Outcome::blocked;
        if (told.blocked) return told;
        told.held = std::max(told.held, filter.held_bytes());
        told.each.append(told.each.empty() ? "" : ",").append(std::to_string(filter.held_bytes()));
    }
    told.blocked = filter.close(told.text) == Outcome::blocked;
    return told;
}

Told run_whole(GuardRun& run, Syntax syntax, std::string const& text) {
    std::vector<Replacement> found;
    Told told;
    told.blocked = find(run, Way::response, text, syntax, found) == Outcome::blocked;
    std::size_t at = 0;
    for (auto const& one : found) {
        told.text += text.substr(at, one.from - at) + one.text;
        at = one.to;
    }
    told.text += text.substr(at);
    return told;
}

Told run_answer(GuardRun& run, std::string const& dialect, std::vector<std::string> const& pieces,
                bool streamed) {
    auto const& table =
        dialect == "anthropic" ? dialect::anthropic_messages() : dialect::openai_chat();
    auto const& codec = *table.row[0];
    AnswerGuard reader(codec.open_reader({streamed, 1 << 20}), *codec.texts, run,
                       {streamed, 1 << 20, 1 << 26});
    Collected sink;
    // Of whole answers every other one is there at once.
    bool const is_there = !streamed && pieces.front().size() % 2 == 0;
    if (is_there) {
        (void)reader.read_whole(pieces.front(), sink);
        return {reader.has_blocked(), reader.held().bytes_max, sink.text, {}};
    }
    for (auto const& piece : pieces) {
        if (!reader.feed(piece, sink) || reader.has_blocked()) break;
    }
    if (!reader.has_blocked()) (void)reader.finish(sink);
    return {reader.has_blocked(), reader.held().bytes_max, sink.text, {}};
}

Told run_request(GuardRun& run, std::string const& body) {
    Patches patches;
    Told told;
    told.blocked = guard_body(run, body, patches) == Outcome::blocked;
    if (told.blocked) {
        told.text = run.blocked->place;
        return told;
    }
    for (auto const piece : gather(body, patches)) told.text += piece;
    return told;
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    std::map<std::string, Set> sets;
    for (std::string line; std::getline(std::cin, line);) {
        std::stringstream in(line);
        std::string kind, name, word, rest;
        in >> kind >> name;
        if (kind == "S") {
            std::getline(in, rest);
            sets[name] = read_set(rest);
            continue;
        }
        GuardRun run(*sets.at(name).guards);
        Told told;
        in >> word;
        if (kind != "R") in >> rest;
        auto const syntax = word == "json" ? Syntax::json : Syntax::text;
        if (kind == "F" || kind == "H") told = run_filter(run, syntax, pieces_of(rest));
        if (kind == "W") told = run_whole(run, syntax, from_hex(rest));
        if (kind == "A") told = run_answer(run, word, pieces_of(rest), true);
        if (kind == "U") told = run_answer(run, word, {from_hex(rest)}, false);
        if (kind == "R") told = run_request(run, from_hex(word));
        std::cout << (told.blocked ? "blocked " : "passed ")
                  << (kind == "H" ? told.each : std::to_string(told.held)) << ' '
                  << to_hex(told.text) << '\n';
    }
}
