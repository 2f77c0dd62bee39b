// How Kiln reports what is wrong. A broken invariant of our own code: ensure(). A model or request
// that cannot be built: ModelError. The world (device, memory, files): Result (result.h).
#pragma once
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

// A line of source. (Clang 14 cannot compile the std::source_location of libstdc++ 12.)
struct SourceLine {
    const char* file;
    int line;
    static constexpr SourceLine current(const char* file = __builtin_FILE(),
                                        int line = __builtin_LINE()) {
        return {file, line};
    }
};

[[noreturn]] void invariant_broken(std::string_view claim, const SourceLine& where);

inline void ensure(bool holds, std::string_view claim,
                   const SourceLine& where = SourceLine::current()) {
    if (!holds) invariant_broken(claim, where);
}

}   // namespace kiln
