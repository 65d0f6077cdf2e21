// One JSON value of a body, looked at a part at a time: its strings decoded, what is redacted as
// patches of the body. Called by the walks over requests and answers; calls Search.
#pragma once

#include <string_view>
#include <vector>

#include "sluice/dialect.hpp"
#include "sluice/texts.hpp"

#include "guard/find.hpp"

namespace sluice::guard {

class ValueScan {
  public:
    ValueScan(GuardRun& run, Way way) : search_(run, way) {}

    // A string, or any value where `kind` is json. It outlives the scan of it.
    void begin(std::string_view value, TextKind kind);
    // `patches` are in offsets from `origin`, which the value is part of. Blocked: the run says by
    // whom, without a place.
    Progress step(Budget& budget, char const* origin, Patches& patches);

  private:
    bool decode(Budget& budget);

    Search search_;
    std::string_view text_;  // the value, or the inside of its quotes
    bool is_string_ = false;
    bool is_decoding_ = false;
    bool is_decoded_ = false;  // JSON in a string: offsets go by decoded_
    std::size_t at_ = 0;       // of text_, decoded
    Normalised decoded_;
    std::vector<Replacement> found_;
};

}  // namespace sluice::guard
