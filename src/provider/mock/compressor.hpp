// Content encodings as a provider applies them, whole or flushed frame by frame: what the gateway
// has to undo. Called by mock.cpp for `encoding=`; calls zlib and zstd.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sluice::provider::mock {

class Compressor {
  public:
    // gzip, deflate (zlib format), br (stored blocks), zstd; null for any other name.
    static std::unique_ptr<Compressor> create(std::string_view encoding);
    virtual ~Compressor() = default;

    // What `bytes` become, flushed, so that the other side can decode all of them at once.
    virtual std::string write(std::string_view bytes) = 0;
    virtual std::string end() = 0;
};

}  // namespace sluice::provider::mock
