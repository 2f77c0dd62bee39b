// The bytes as a file, and as what a file holds when it is unpacked: no fuzzer guesses a checksum.
#include <cstdint>

#include "modalities/splat/assets/gzip.h"
#include "tests/fuzz/splats.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    kiln::test::fuzz_splats(bytes, "fuzz.spz");
    kiln::test::fuzz_splats(kiln::gzip(bytes), "fuzz.spz");
    return 0;
}
