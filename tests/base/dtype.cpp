#include "runtime/base/dtype.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

using namespace kiln;

TEST_CASE("every finite f16 survives the way to f32 and back") {
    for (uint32_t bits = 0; bits < 0x10000; bits++) {
        if ((bits & 0x7c00) == 0x7c00) continue;
        REQUIRE(f16_from_f32(f32_from_f16(uint16_t(bits))) == bits);
    }
}

TEST_CASE("every fp8 value survives the way to f32 and back") {
    for (uint32_t bits = 0; bits < 0x100; bits++) {
        if (float v = f32_from_e4m3(uint8_t(bits)); !std::isnan(v))
            REQUIRE(e4m3_from_f32(v) == bits);
        if (float v = f32_from_e5m2(uint8_t(bits)); std::isfinite(v))
            REQUIRE(e5m2_from_f32(v) == bits);
    }
}

TEST_CASE("f16 rounds to nearest even and saturates") {
    CHECK(f16_from_f32(1.0f + 0x1p-11f) == 0x3c00);
    CHECK(f16_from_f32(1.0f + 3 * 0x1p-11f) == 0x3c02);
    CHECK(f16_from_f32(1e6f) == 0x7bff);
    CHECK(f16_from_f32(-INFINITY) == 0xfbff);
    CHECK(f16_from_f32(0x1p-25f) == 0);
    CHECK(f16_from_f32(0x1.8p-25f) == 1);
    CHECK(std::isnan(f32_from_f16(f16_from_f32(NAN))));
}

TEST_CASE("fp8 saturates at its largest finite value") {
    CHECK(f32_from_e4m3(e4m3_from_f32(1e9f)) == 448.0f);
    CHECK(f32_from_e5m2(e5m2_from_f32(1e9f)) == 57344.0f);
    CHECK(f32_from_bf16(bf16_from_f32(1.00390625f)) == 1.0f);
}
