#include "modalities/splat/posed/transforms.h"

#include <cstdint>

#include "tests/fuzz/posed.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    kiln::PosedSet set;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto read = kiln::parse_transforms(text, "fuzz", false, set);
    kiln::test::fuzz_posed(read ? kiln::Result<kiln::PosedSet>(set) : read.error());
    return 0;
}
