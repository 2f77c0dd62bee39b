#include <cstdint>

#include "tests/fuzz/posed.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    kiln::test::fuzz_colmap(std::as_bytes(std::span(data, size)), true);
    return 0;
}
