// One class per library; the bounds are kept in Decoder::feed for all of them.
#include "codec/encoding.hpp"

#include <algorithm>
#include <array>
#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>

#include "sluice/http.hpp"

namespace sluice::codec {

namespace {

constexpr std::size_t room_bytes = 16 * 1024;

// gzip (RFC 1952, any number of members) and deflate (zlib's format, or bare as some send it).
class InflateDecoder final : public Decoder {
  public:
    InflateDecoder(bool gzip, std::uint64_t plain_bytes_max, Encoded whose)
        : Decoder(plain_bytes_max, whose), gzip_(gzip) {}
    ~InflateDecoder() override {
        if (is_open_) inflateEnd(&stream_);
    }

  private:
    Turn turn(std::string_view& in, char* out, std::size_t room, std::size_t& written) override {
        if (at_end_ && !start_next(in)) return in.empty() ? Turn::need_input : Turn::broken;
        if (in.empty() && !is_open_) return Turn::need_input;
        if (!is_open_ && !open(in)) return Turn::broken;
        auto const step = std::min<std::size_t>(in.size(), 1U << 30U);
        // zlib does not write through next_in; its interface only lacks the const.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
        stream_.avail_in = static_cast<uInt>(step);
        stream_.next_out = reinterpret_cast<Bytef*>(out);
        stream_.avail_out = static_cast<uInt>(room);
        auto const status = inflate(&stream_, Z_SYNC_FLUSH);
        in.remove_prefix(step - stream_.avail_in);
        written = room - stream_.avail_out;
        if (status == Z_STREAM_END) {
            at_end_ = true;
            return in.empty() ? Turn::need_input : Turn::more_out;
        }
        if (status == Z_BUF_ERROR) return in.empty() ? Turn::need_input : Turn::broken;
        if (status != Z_OK) return Turn::broken;
        return stream_.avail_out == 0 || !in.empty() ? Turn::more_out : Turn::need_input;
    }

    // Bytes behind the end: the next gzip member, or zeros that pad the last one.
    bool start_next(std::string_view& in) {
        if (!gzip_) return in.empty();
        auto const next = in.find_first_not_of('\0');
        in.remove_prefix(std::min(next, in.size()));
        if (in.empty()) return false;
        at_end_ = false;
        return inflateReset(&stream_) == Z_OK;
    }

    // A zlib header is told by its first byte: method 8 in the low half, window up to 32 KiB. A raw
    // block that begins so would be a stored block with a stray bit, which nobody sends.
    bool open(std::string_view in) {
        auto const first = static_cast<unsigned char>(in[0]);
        bool const zlib = (first & 0x0fU) == 8 && (first >> 4U) <= 7;
        int const window = gzip_ ? 15 + 16 : (zlib ? 15 : -15);
        is_open_ = inflateInit2(&stream_, window) == Z_OK;
        return is_open_;
    }

    [[nodiscard]] bool is_at_end() const override { return at_end_; }

    z_stream stream_{};
    bool gzip_;
    bool is_open_ = false;
    bool at_end_ = false;
};

class BrotliDecoder final : public Decoder {
  public:
    BrotliDecoder(std::uint64_t plain_bytes_max, Encoded whose)
        : Decoder(plain_bytes_max, whose),
          state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}

  private:
    Turn turn(std::string_view& in, char* out, std::size_t room, std::size_t& written) override {
        if (!state_) return Turn::broken;
        if (at_end_) return in.empty() ? Turn::need_input : Turn::broken;
        auto const* next_in = reinterpret_cast<std::uint8_t const*>(in.data());
        auto* next_out = reinterpret_cast<std::uint8_t*>(out);
        std::size_t left_in = in.size();
        std::size_t left_out = room;
        auto const result = BrotliDecoderDecompressStream(state_.get(), &left_in, &next_in,
                                                          &left_out, &next_out, nullptr);
        in.remove_prefix(in.size() - left_in);
        written = room - left_out;
        switch (result) {
            case BROTLI_DECODER_RESULT_SUCCESS:
                at_end_ = true;
                return in.empty() ? Turn::need_input : Turn::broken;
            case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
                return Turn::need_input;
            case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT:
                return Turn::more_out;
            default:
                return Turn::broken;
        }
    }

    [[nodiscard]] bool is_at_end() const override { return at_end_; }

    struct Free {
        void operator()(BrotliDecoderState* s) const noexcept { BrotliDecoderDestroyInstance(s); }
    };
    std::unique_ptr<BrotliDecoderState, Free> state_;
    bool at_end_ = false;
};

class ZstdDecoder final : public Decoder {
  public:
    static constexpr int window_log_max = 23;  // 8 MiB, as RFC 8878 asks decoders for

    ZstdDecoder(std::uint64_t plain_bytes_max, Encoded whose)
        : Decoder(plain_bytes_max, whose), context_(ZSTD_createDCtx()) {
        if (context_) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, window_log_max);
    }

  private:
    Turn turn(std::string_view& in, char* out, std::size_t room, std::size_t& written) override {
        if (!context_) return Turn::broken;
        // At a frame's end without input there is nothing to do; asking would begin a new frame.
        if (in.empty() && left_ == 0) return Turn::need_input;
        ZSTD_inBuffer source{in.data(), in.size(), 0};
        ZSTD_outBuffer target{out, room, 0};
        left_ = ZSTD_decompressStream(context_.get(), &target, &source);
        in.remove_prefix(source.pos);
        written = target.pos;
        if (ZSTD_isError(left_) != 0) return Turn::broken;
        return target.pos == room || !in.empty() ? Turn::more_out : Turn::need_input;
    }

    [[nodiscard]] bool is_at_end() const override { return left_ == 0; }

    struct Free {
        void operator()(ZSTD_DCtx* c) const noexcept { ZSTD_freeDCtx(c); }
    };
    std::unique_ptr<ZSTD_DCtx, Free> context_;
    std::size_t left_ = 1;  // 0: a frame is complete
};

std::string_view trimmed(std::string_view text) noexcept {
    auto const from = text.find_first_not_of(" \t");
    if (from == std::string_view::npos) return {};
    return text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

}  // namespace

Result<void> Decoder::feed(std::string_view bytes, std::string& out) {
    if (failed_) return broken("fed after an error");
    bytes_in_ += bytes.size();
    auto const allowed = std::min(plain_bytes_max_, ratio_slack + ratio_max * bytes_in_);
    std::array<char, room_bytes> room;
    for (;;) {
        std::size_t written = 0;
        auto const result = turn(bytes, room.data(), room.size(), written);
        if (written > allowed - bytes_out_) {
            failed_ = true;
            return too_large();
        }
        bytes_out_ += written;
        out.append(room.data(), written);
        if (result == Turn::broken) {
            failed_ = true;
            return broken("the encoded bytes are malformed");
        }
        if (result == Turn::need_input) return {};
    }
}

Result<void> Decoder::finish() const {
    if (failed_) return broken("the encoded bytes are malformed");
    if (bytes_in_ > 0 && !is_at_end()) return broken("the encoded bytes end too early");
    return {};
}

Error Decoder::broken(char const* why) const {
    if (whose_ == Encoded::request) {
        return client_error(ErrorCode::invalid_request, 400,
                            "the body is not what its Content-Encoding says", why);
    }
    return upstream_error(ErrorCode::upstream_bad_response, Retry::next, 502,
                          "the provider's answer could not be decoded", why);
}

Error Decoder::too_large() const {
    if (whose_ == Encoded::request) {
        return client_error(ErrorCode::body_too_large, 413,
                            "the body is too large once decoded; send a smaller one");
    }
    return upstream_error(ErrorCode::response_too_large, Retry::next, 502,
                          "the provider's answer is too large once decoded");
}

Result<std::unique_ptr<Decoder>> open_decoder(std::string_view content_encoding,
                                              std::uint64_t plain_bytes_max, Encoded whose) {
    using Made = std::unique_ptr<Decoder>;
    auto const coding = trimmed(content_encoding);
    auto const is = [coding](std::string_view name) { return http::iequals(coding, name); };
    if (coding.empty() || is("identity")) return Made{};
    if (is("gzip") || is("x-gzip")) {
        return Made{std::make_unique<InflateDecoder>(true, plain_bytes_max, whose)};
    }
    if (is("deflate")) return Made{std::make_unique<InflateDecoder>(false, plain_bytes_max, whose)};
    if (is("br")) return Made{std::make_unique<BrotliDecoder>(plain_bytes_max, whose)};
    if (is("zstd")) return Made{std::make_unique<ZstdDecoder>(plain_bytes_max, whose)};
    return Error{ErrorCode::unsupported_encoding,
                 whose == Encoded::request ? Origin::client : Origin::upstream,
                 Retry::no,
                 std::uint16_t{415},
                 "this Content-Encoding is not supported; use gzip, deflate, br or zstd",
                 {}};
}

}  // namespace sluice::codec
