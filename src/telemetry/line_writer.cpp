// What most pieces of a line do not need.
#include "telemetry/line_writer.hpp"

namespace sluice::telemetry {

void LineWriter::finish() {
    out_.append(bytes_.data(), static_cast<std::size_t>(at_ - bytes_.data()));
    at_ = bytes_.data();
}

void LineWriter::put_long(std::string_view text) {
    finish();
    out_ += text;
}

void LineWriter::put_escaped(std::string_view text) {
    finish();
    append_json_string(out_, text);
}

}  // namespace sluice::telemetry
