// Result<T>: a value, or why the world (device, memory, file, request) did not give one.
#pragma once
#include <string>
#include <utility>
#include <variant>

#include "runtime/base/check.h"

namespace kiln {

// What went wrong, by what the caller can do about it; the values are the exit status of kiln.
enum class Status : int {
    done = 0,
    usage = 2,       // the request asks for what cannot be
    bad_file = 3,    // a file or model is bad
    no_device = 4,   // no usable device, or device lost
    out_of_memory = 5,
    not_finite = 6,   // the model produced NaN or infinity
    interrupted = 130,
};

struct Error {
    Status status;
    std::string message;   // a sentence for the user: what, where, what was expected and found
};

template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : state_(std::move(value)) {}
    Result(Error error) : state_(std::move(error)) {}

    bool ok() const { return state_.index() == 0; }
    explicit operator bool() const { return ok(); }
    T& value() & {
        ensure(ok(), "value of a failed Result");
        return std::get<0>(state_);
    }
    const T& value() const& {
        ensure(ok(), "value of a failed Result");
        return std::get<0>(state_);
    }
    T&& value() && {
        ensure(ok(), "value of a failed Result");
        return std::get<0>(std::move(state_));
    }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }
    const Error& error() const {
        ensure(!ok(), "error of a good Result");
        return std::get<1>(state_);
    }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)), failed_(true) {}

    bool ok() const { return !failed_; }
    explicit operator bool() const { return ok(); }
    const Error& error() const {
        ensure(failed_, "error of a good Result");
        return error_;
    }

private:
    Error error_{Status::done, {}};
    bool failed_ = false;
};

// An Error on its way through code that builds with exceptions (module constructors, graph
// building).
struct ResultError : std::runtime_error {
    Error error;
    explicit ResultError(Error e) : std::runtime_error(e.message), error(std::move(e)) {}
};

template <class T>
T take(Result<T> result) {
    if (!result.ok()) throw ResultError(result.error());
    return std::move(result).value();
}
inline void take(Result<void> result) {
    if (!result.ok()) throw ResultError(result.error());
}

}   // namespace kiln
