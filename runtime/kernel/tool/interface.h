// What a module asks of its host, read from its decorations alone: SPIRV-Cross of Debian 12 throws
// at cooperative matrices.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace kiln::reflect {

// Throws std::runtime_error naming what `embedded` uses that `reflected` does not declare: a
// binding or its being written, a push constant's place, a specialization constant.
void check_within(const std::vector<uint32_t>& embedded, const std::vector<uint32_t>& reflected);

}   // namespace kiln::reflect
