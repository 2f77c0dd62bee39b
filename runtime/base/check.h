// How Kiln reports what is wrong. A broken invariant of our own code: ensure(). A model or request
// that cannot be built: ModelError. The world (device, memory, files): Result (result.h).
#pragma once
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>

namespace kiln {

// Thrown while a model or graph is built; what() reads "[op] fact: shapes (module path)".
struct ModelError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Thrown by ensure(): a defect in Kiln, never in a model, a request or the machine.
struct InvariantError : std::logic_error {
    using std::logic_error::logic_error;
};

[[noreturn]] void invariant_broken(std::string_view claim, const std::source_location& where);

inline void ensure(bool holds, std::string_view claim,
                   const std::source_location& where = std::source_location::current()) {
    if (!holds) invariant_broken(claim, where);
}

}  // namespace kiln
