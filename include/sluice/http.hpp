// HTTP as values: methods, header views, heads. No sockets, no parser.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/blocks.hpp"

namespace sluice::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, other };

std::string_view to_string(Method method) noexcept;
std::string_view reason_phrase(std::uint16_t status) noexcept;  // "" when unknown

// ASCII case-insensitive, as field names are (RFC 9110 section 5.1).
bool iequals(std::string_view a, std::string_view b) noexcept;
// Is `token` one of the comma-separated elements of `list`? Case-insensitive.
bool has_token(std::string_view list, std::string_view token) noexcept;

struct Field {
    std::string_view name;
    std::string_view value;
};

// Fields in the order received. Views into the owner's buffer.
class HeaderView {
  public:
    HeaderView() = default;
    explicit HeaderView(std::span<Field const> fields) : fields_(fields) {}

    // First value of that name; empty when absent (use has() to tell the two apart).
    [[nodiscard]] std::string_view get(std::string_view name) const noexcept;
    [[nodiscard]] bool has(std::string_view name) const noexcept;
    [[nodiscard]] auto begin() const { return fields_.begin(); }
    [[nodiscard]] auto end() const { return fields_.end(); }
    [[nodiscard]] std::size_t size() const { return fields_.size(); }

  private:
    std::span<Field const> fields_;
};

// Owned fields in wire form, "Name: value\r\n" after each other: appended once, written as they
// are. add() refuses (returns false) a name that is no token or a value with CR, LF, NUL or other
// control bytes, so nothing that came from outside can split a head.
class HeaderBlock {
  public:
    bool add(std::string_view name, std::string_view value);
    // Unchecked: for constants, and for fields of a head that was parsed.
    void add_trusted(std::string_view name, std::string_view value);
    void append(HeaderBlock const& other);
    void clear() { wire_.clear(); }
    [[nodiscard]] std::string_view wire() const { return {wire_.data(), wire_.size()}; }
    [[nodiscard]] std::string_view get(
        std::string_view name) const noexcept;  // slow; tests, cold paths

  private:
    char* extend(std::size_t bytes);  // to be written from there on

    BlockVector<char> wire_;
};

// A parsed request head. Views live in the connection's buffer until the exchange ends.
struct RequestHead {
    Method method = Method::other;
    std::string_view method_text;
    std::string_view target;  // origin-form as received
    std::string_view path;    // target up to '?', base_path removed
    std::string_view query;   // after '?', without it
    HeaderView headers;
    bool keep_alive = true;
    bool expects_continue = false;
    bool has_body = false;
    std::uint64_t content_length = 0;  // meaningful when has_body && !chunked
    bool chunked = false;
    std::uint8_t version_minor = 1;  // HTTP/1.x
};

struct ResponseHead {
    std::uint16_t status = 0;
    HeaderView headers;
    bool keep_alive = true;
    bool chunked = false;
    bool has_length = false;
    std::uint64_t content_length = 0;
};

// A request or answer body held whole, with at least 64 readable bytes behind its end, as simdjson
// wants them. Move-only.
class Body {
  public:
    static constexpr std::size_t padding = 64;

    Body() = default;
    explicit Body(std::size_t capacity) { reserve(capacity); }
    Body(Body&& other) noexcept  // leaves an empty body behind
        : data_(std::exchange(other.data_, nullptr)),
          size_(std::exchange(other.size_, 0)),
          capacity_(std::exchange(other.capacity_, 0)) {}
    Body& operator=(Body&& other) noexcept {
        Body taken(std::move(other));
        std::swap(data_, taken.data_);
        std::swap(size_, taken.size_);
        std::swap(capacity_, taken.capacity_);
        return *this;
    }
    ~Body() {
        if (data_) free_block(data_, capacity_ + padding);
    }
    static Body copy_of(std::string_view text);

    void reserve(std::size_t capacity);   // keeps content
    void append(std::string_view bytes);  // grows as needed; callers bound it
    char* tail() { return data_ + size_; }
    [[nodiscard]] std::size_t room() const { return capacity_ - size_; }
    void commit(std::size_t bytes) { size_ += bytes; }  // after writing at tail(), <= room()
    void clear() { size_ = 0; }

    [[nodiscard]] std::string_view view() const { return {data_, size_}; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::size_t capacity() const { return capacity_; }

  private:
    char* data_ = nullptr;  // a block
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;  // without the padding
};

// What is sent upstream: everything but the connection. `body` are views the caller keeps alive
// until the answer's head has been read (a reused connection that was reset is retried).
struct WireRequest {
    Method method = Method::post;
    BlockText target;     // origin-form path and query
    HeaderBlock headers;  // without Host, Content-Length, Transfer-Encoding, Connection
    BlockVector<std::string_view> body;  // gathered in order; empty = no body
};

}  // namespace sluice::http
