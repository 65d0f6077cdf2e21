// Result<T>: a value or an Error. std::expected is C++23; this is the part of it sluice uses.
//
// The Error stands on the heap: it is rare, and with its 88 bytes inside every Result the coroutine
// frames of an idle stream were larger by a third.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "sluice/error.hpp"

namespace sluice {

// An Error by pointer, or none. Moved from, it is none.
class ErrorBox {
  public:
    ErrorBox() = default;
    explicit ErrorBox(Error error);
    ErrorBox(ErrorBox&& other) noexcept : error_(std::exchange(other.error_, nullptr)) {}
    ErrorBox(ErrorBox const& other) : error_(other.error_ ? copy_of(*other.error_) : nullptr) {}
    ErrorBox& operator=(ErrorBox other) noexcept {
        std::swap(error_, other.error_);
        return *this;
    }
    ~ErrorBox() {
        if (error_) [[unlikely]]
            destroy(error_);
    }

    [[nodiscard]] bool is_empty() const noexcept { return !error_; }
    // Precondition: !is_empty(). Checked: throws std::logic_error, and http_session answers 500.
    Error& operator*() const {
        if (!error_) [[unlikely]]
            throw_empty();
        return *error_;
    }

  private:
    [[noreturn]] static void throw_empty();
    static Error* copy_of(Error const& error);
    static void destroy(Error* error) noexcept;

    Error* error_ = nullptr;
};

template <class T>
class [[nodiscard]] Result {
  public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    // Precondition: ok(). Checked: std::get throws, and http_session answers 500.
    T& value() & { return std::get<0>(state_); }
    T const& value() const& { return std::get<0>(state_); }
    T&& value() && { return std::get<0>(std::move(state_)); }
    T& operator*() & { return value(); }
    T const& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    T const* operator->() const { return &value(); }

    // Precondition: !ok().
    Error& error() & { return *std::get<1>(state_); }
    Error const& error() const& { return *std::get<1>(state_); }
    Error&& error() && { return std::move(*std::get<1>(state_)); }

  private:
    std::variant<T, ErrorBox> state_;
};

template <>
class [[nodiscard]] Result<void> {
  public:
    using value_type = void;

    Result() = default;
    Result(Error error) : error_(std::move(error)) {}

    [[nodiscard]] bool ok() const noexcept { return error_.is_empty(); }
    explicit operator bool() const noexcept { return ok(); }
    Error& error() & { return *error_; }
    Error const& error() const& { return *error_; }
    Error&& error() && { return std::move(*error_); }

  private:
    ErrorBox error_;
};

}  // namespace sluice
