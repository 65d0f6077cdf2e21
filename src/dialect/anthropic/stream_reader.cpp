#include "dialect/anthropic/stream_reader.hpp"

#include "codec/json_walk.hpp"

namespace sluice::dialect::anthropic {
namespace {

Error too_large() {
    return upstream_error(ErrorCode::response_too_large, Retry::next, 502,
                          "one event of the provider's stream is too large");
}

// A tail without its blank line counts when it is whole.
bool is_whole(codec::SseFrame const& frame, bool ended) {
    return ended || codec::is_json(frame.data);
}

}  // namespace

Result<void> StreamReader::feed(std::string_view bytes, FrameSink& sink) {
    bool const fits = framer_.feed(bytes, [&](codec::SseFrame const& frame) {
        sink.on_frame({machine_.read(frame, nullptr), frame.raw});
    });
    if (!fits) return too_large();
    return {};
}

Result<void> StreamReader::finish(FrameSink& sink) {
    codec::SseFrame frame;
    bool ended = false;
    if (framer_.finish(frame, ended) && frame.has_data && is_whole(frame, ended)) {
        sink.on_frame({machine_.read(frame, nullptr), frame.raw});
    }
    return machine_.finish();
}

Result<void> StreamEvents::feed(std::string_view bytes, llm::EventSink& sink) {
    bool const fits = framer_.feed(bytes, [&](codec::SseFrame const& frame) {
        if (!machine_.fault()) machine_.read(frame, &sink);
    });
    if (!fits) return too_large();
    return {};
}

Result<void> StreamEvents::finish(llm::EventSink& sink) {
    codec::SseFrame frame;
    bool ended = false;
    bool const has_tail = framer_.finish(frame, ended) && frame.has_data && is_whole(frame, ended);
    if (has_tail && !machine_.fault()) machine_.read(frame, &sink);
    return machine_.finish();
}

}  // namespace sluice::dialect::anthropic
