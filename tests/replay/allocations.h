// How often this thread has called operator new, which this executable replaces.
#pragma once
#include <cstdint>

namespace kiln::test {

uint64_t allocations();

}   // namespace kiln::test
