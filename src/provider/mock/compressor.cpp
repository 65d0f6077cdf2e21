// gzip and deflate by zlib, zstd by libzstd; brotli as uncompressed meta-blocks (RFC 7932
// section 9.2), which every decoder reads.
#include "provider/mock/compressor.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>
#include <zlib.h>
#include <zstd.h>

namespace sluice::provider::mock {
namespace {

constexpr std::size_t out_bytes = 16 * 1024;

class Zlib final : public Compressor {
  public:
    explicit Zlib(bool gzip) {
        // Window bits above 15 ask for the gzip format.
        ::deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip ? 31 : 15, 8,
                       Z_DEFAULT_STRATEGY);
    }
    ~Zlib() override { ::deflateEnd(&stream_); }

    std::string write(std::string_view bytes) override { return run(bytes, Z_SYNC_FLUSH); }
    std::string end() override { return run({}, Z_FINISH); }

  private:
    std::string run(std::string_view bytes, int flush) {
        std::string copy{bytes};  // zlib's interface wants it writable
        stream_.next_in = reinterpret_cast<Bytef*>(copy.data());
        stream_.avail_in = static_cast<uInt>(copy.size());
        std::string out;
        std::vector<char> buffer(out_bytes);
        do {
            stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
            stream_.avail_out = static_cast<uInt>(buffer.size());
            ::deflate(&stream_, flush);
            out.append(buffer.data(), buffer.size() - stream_.avail_out);
        } while (stream_.avail_out == 0);
        return out;
    }

    z_stream stream_{};
};

class Zstd final : public Compressor {
  public:
    std::string write(std::string_view bytes) override { return run(bytes, ZSTD_e_flush); }
    std::string end() override { return run({}, ZSTD_e_end); }

  private:
    struct Free {
        void operator()(ZSTD_CCtx* context) const { ::ZSTD_freeCCtx(context); }
    };

    std::string run(std::string_view bytes, ZSTD_EndDirective directive) {
        ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
        std::string out;
        std::vector<char> buffer(out_bytes);
        std::size_t left = 1;
        while (left > 0) {
            ZSTD_outBuffer to{buffer.data(), buffer.size(), 0};
            left = ::ZSTD_compressStream2(context_.get(), &to, &in, directive);
            if (::ZSTD_isError(left)) break;
            out.append(buffer.data(), to.pos);
        }
        return out;
    }

    std::unique_ptr<ZSTD_CCtx, Free> context_{::ZSTD_createCCtx()};
};

class Brotli final : public Compressor {
  public:
    std::string write(std::string_view bytes) override {
        std::string out;
        while (!bytes.empty()) {
            auto const piece = bytes.substr(0, piece_bytes);
            append_block(out, piece);
            bytes.remove_prefix(piece.size());
        }
        return out;
    }
    std::string end() override {
        begin();
        put(0b11, 2);  // ISLAST, ISLASTEMPTY
        std::string out;
        take_whole_bytes(out);
        return out;
    }

  private:
    static constexpr std::size_t piece_bytes = 1 << 16;  // MLEN fits four nibbles

    void append_block(std::string& out, std::string_view piece) {
        begin();
        put(0, 1);                                              // ISLAST
        put(0, 2);                                              // MNIBBLES: four
        put(static_cast<std::uint32_t>(piece.size() - 1), 16);  // MLEN - 1
        put(1, 1);                                              // ISUNCOMPRESSED
        take_whole_bytes(out);                                  // padded to a byte
        out += piece;
    }

    void begin() {
        if (begun_) return;
        begun_ = true;
        put(0, 1);  // WBITS: 16
    }
    void put(std::uint32_t value, unsigned bits) {  // least significant bit first
        pending_ |= static_cast<std::uint64_t>(value) << pending_bits_;
        pending_bits_ += bits;
    }
    void take_whole_bytes(std::string& out) {
        for (; pending_bits_ > 0; pending_bits_ -= std::min(pending_bits_, 8u)) {
            out += static_cast<char>(pending_ & 0xff);
            pending_ >>= 8;
        }
    }

    bool begun_ = false;
    std::uint64_t pending_ = 0;
    unsigned pending_bits_ = 0;
};

}  // namespace

std::unique_ptr<Compressor> Compressor::create(std::string_view encoding) {
    if (encoding == "gzip") return std::make_unique<Zlib>(true);
    if (encoding == "deflate") return std::make_unique<Zlib>(false);
    if (encoding == "zstd") return std::make_unique<Zstd>();
    if (encoding == "br") return std::make_unique<Brotli>();
    return nullptr;
}

}  // namespace sluice::provider::mock
