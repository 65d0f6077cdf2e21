#include "guard/value_scan.hpp"

#include "base/json_text.hpp"

namespace sluice::guard {
namespace {

constexpr std::size_t window_bytes = 64 << 10;  // decoded at once

}  // namespace

void ValueScan::begin(std::string_view value, TextKind kind) {
    found_.clear();
    is_string_ = kind != TextKind::json && value.front() == '"';
    is_decoding_ = is_decoded_ = false;
    if (!is_string_) {
        text_ = value;
        return search_.begin(value, Syntax::json);
    }
    text_ = value.substr(1, value.size() - 2);
    if (kind != TextKind::arguments) return search_.begin(text_, Syntax::quoted);
    is_decoding_ = text_.find('\\') != text_.npos;
    if (!is_decoding_) return search_.begin(text_, Syntax::json);
    decoded_.clear();
    at_ = 0;
}

// True: all of it is decoded.
bool ValueScan::decode(Budget& budget) {
    while (at_ < text_.size()) {
        if (budget.is_spent()) return false;
        auto const from = at_;
        decode_json(text_, at_, from + window_bytes, decoded_);
        budget.take(at_ - from);
    }
    return true;
}

Progress ValueScan::step(Budget& budget, char const* origin, Patches& patches) {
    if (is_decoding_) {
        if (!decode(budget)) return Progress::more;
        is_decoding_ = false;
        is_decoded_ = true;
        search_.begin(decoded_.text, Syntax::json);
    }
    auto const progress = search_.step(budget, found_);
    if (progress != Progress::done) return progress;
    for (auto& one : found_) {
        auto const from = is_decoded_ ? decoded_.source_begin(one.from) : one.from;
        auto const to = is_decoded_ ? decoded_.source_end(one.to - 1) : one.to;
        std::string put;
        if (is_string_) {
            append_json_escaped(put, one.text);
        } else {
            put = std::move(one.text);
        }
        auto const offset = static_cast<std::uint32_t>(text_.data() + from - origin);
        patches.push_back({offset, static_cast<std::uint32_t>(to - from), std::move(put)});
    }
    return Progress::done;
}

}  // namespace sluice::guard
