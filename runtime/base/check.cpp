#include "runtime/base/check.h"

namespace kiln {

void invariant_broken(std::string_view claim, const SourceLine& where) {
    std::string file = where.file;
    file = file.substr(file.find_last_of('/') + 1);
    throw InvariantError("broken invariant: " + std::string(claim) + " (" + file + ":" +
                         std::to_string(where.line) + ")");
}

}   // namespace kiln
