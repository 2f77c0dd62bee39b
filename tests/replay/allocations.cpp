#include "tests/replay/allocations.h"

#include <cstdlib>
#include <new>

namespace {
thread_local uint64_t count = 0;
}   // namespace

namespace kiln::test {

uint64_t allocations() { return count; }

}   // namespace kiln::test

void* operator new(size_t bytes) {
    count++;
    if (void* memory = std::malloc(bytes ? bytes : 1)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
