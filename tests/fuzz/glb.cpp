#include <cstdint>

#include "tests/fuzz/splats.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    kiln::test::fuzz_splats(std::as_bytes(std::span(data, size)), "fuzz.glb");
    return 0;
}
