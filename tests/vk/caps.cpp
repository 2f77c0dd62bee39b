#include "runtime/vk/caps.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/support/device.h"

using namespace kiln;

namespace {

Caps rich() {
    Caps caps;
    caps.shared_memory = 65536;
    caps.invocations = 1024;
    caps.workgroup_size = {1024, 1024, 1024};
    caps.workgroup_count = {1u << 31, 65536, 65536};
    caps.binding_range = caps.allocation = 4ull << 30;
    caps.texel_elements = 1u << 27;
    caps.offset_alignment = 16;
    caps.push_bytes = 256;
    caps.storage_bindings = 1000;
    caps.subgroup_size = caps.subgroup_max = 64;
    caps.subgroup_min = 32;
    caps.subgroup_ballot = caps.subgroup_arithmetic = caps.subgroup_shuffle = true;
    caps.subgroup_size_control = caps.storage_16bit = caps.storage_8bit = true;
    caps.fp16 = caps.int64 = caps.float_atomics = caps.unified_memory = true;
    caps.packed_dot = caps.fast_dot = caps.mixed_dot = true;
    caps.kind = DeviceKind::discrete;
    caps.matrices = {{.m = 16, .n = 16, .k = 16}};
    caps.flexible_matrices = {{.m = 32, .n = 16, .k = 16, .invocations = 256}};
    caps.matrix_tensors = true;
    caps.matrix_extent = caps.matrix_invocations = 1024;
    return caps;
}

}   // namespace

TEST_CASE("the minimal profile is what Vulkan 1.1 promises") {
    Caps caps = take(masked(rich(), "minimal"));
    CHECK(caps.profile == "minimal");
    CHECK(caps.shared_memory == 16384);
    CHECK(caps.invocations == 128);
    CHECK(caps.workgroup_size == std::array<uint32_t, 3>{128, 128, 64});
    CHECK(caps.workgroup_count == std::array<uint32_t, 3>{65535, 65535, 65535});
    CHECK(caps.binding_range == 128u << 20);
    CHECK(caps.allocation == 1u << 30);
    CHECK(caps.texel_elements == 65536);
    CHECK(caps.offset_alignment == 256);
    CHECK(caps.push_bytes == 128);
    CHECK(caps.loop_iterations == 65535);
    CHECK(caps.subgroup_max == 1);
    CHECK_FALSE((caps.subgroup_ballot || caps.subgroup_arithmetic || caps.subgroup_shuffle));
    CHECK_FALSE((caps.subgroup_size_control || caps.storage_16bit || caps.storage_8bit));
    CHECK_FALSE((caps.fp16 || caps.int64 || caps.float_atomics || caps.unified_memory));
    CHECK((caps.matrices.empty() && caps.flexible_matrices.empty() && !caps.mixed_dot &&
           !caps.fast_dot && !caps.packed_dot));
}

TEST_CASE("mobile keeps subgroups and f16, desktop the rest within its sizes") {
    Caps mobile = take(masked(rich(), "mobile"));
    CHECK(mobile.shared_memory == 16384);
    CHECK((mobile.fp16 && mobile.subgroup_arithmetic && mobile.subgroup_max == 64));
    CHECK(mobile.matrices.empty());
    Caps desktop = take(masked(rich(), "desktop"));
    CHECK(desktop.shared_memory == 32768);
    CHECK(desktop.invocations == 256);
    CHECK((desktop.fp16 && desktop.subgroup_arithmetic && !desktop.float_atomics));
    CHECK(desktop.binding_range == 4ull << 30);
    CHECK((desktop.matrices.size() == 1 && desktop.flexible_matrices.empty()));
    CHECK((desktop.matrix_extent == 0 && !desktop.matrix_tensors));
}

TEST_CASE("emulated cooperative matrices are not taken as hardware") {
    constexpr uint32_t kAmd = 0x1002, kIntel = 0x8086, kNvidia = 0x10de, kQualcomm = 0x5143;
    auto hardware = [](uint32_t vendor, auto&& change) {
        Caps caps = rich();
        caps.vendor_id = vendor;
        change(caps);
        return matrix_hardware(caps);
    };
    auto as_it_is = [](Caps&) {};
    CHECK(hardware(kNvidia, as_it_is));
    CHECK_FALSE(hardware(kNvidia, [](Caps& c) { c.kind = DeviceKind::cpu; }));
    CHECK_FALSE(hardware(kNvidia, [](Caps& c) { c.matrices.clear(); }));
    CHECK_FALSE(hardware(kQualcomm, as_it_is));
    CHECK(hardware(kAmd, [](Caps& c) { c.driver = "radv", c.mixed_dot = false; }));
    CHECK_FALSE(hardware(kAmd, [](Caps& c) { c.mixed_dot = false; }));
    CHECK(hardware(kAmd, as_it_is));
    CHECK(hardware(kIntel, [](Caps& c) { c.subgroup_min = 16; }));
    auto gfx12 = [](uint32_t device) {
        return [device](Caps& c) { c.subgroup_min = 8, c.device_id = device; };
    };
    CHECK(hardware(kIntel, gfx12(0x56a0)));         // Arc A770
    CHECK_FALSE(hardware(kIntel, gfx12(0x9a49)));   // Tiger Lake
    CHECK_FALSE(hardware(kIntel, gfx12(0x4905)));   // DG1
    CHECK_FALSE(hardware(kIntel, gfx12(0x7d55)));   // Meteor Lake
}

TEST_CASE("a mask never adds what the device lacks") {
    Caps poor = take(masked(rich(), "minimal"));
    poor.binding_range = 1u << 27;
    Caps desktop = take(masked(poor, "desktop"));
    CHECK(desktop.shared_memory == 16384);
    CHECK(desktop.invocations == 128);
    CHECK_FALSE(desktop.fp16);
}

TEST_CASE("full is no mask and an unknown profile lists the known ones") {
    CHECK(take(masked(rich(), "full")).shared_memory == 65536);
    CHECK(take(masked(rich(), "")).profile.empty());
    Result<Caps> unknown = masked(rich(), "tiny");
    REQUIRE(!unknown);
    CHECK(unknown.error().status == Status::usage);
    CHECK(unknown.error().message ==
          "no caps profile 'tiny'; there are: full, desktop, mobile, minimal");
}

TEST_CASE("the caps of a real device are within what Vulkan requires", "[gpu]") {
    const Caps& caps = test::test_device("full")->caps();
    CHECK(!caps.device.empty());
    CHECK(caps.api_version >= (1u << 22 | 1u << 12));
    CHECK(caps.shared_memory >= 16384);
    CHECK(caps.binding_range >= 1u << 27);
    CHECK(caps.offset_alignment >= 16);
    CHECK(caps.subgroup_min <= caps.subgroup_max);
    CHECK(caps.device_memory > 0);
    CHECK(caps.allocation >= 1u << 28);
    for (const MatrixShape& shape : caps.matrices) {
        CHECK((shape.m > 0 && shape.n > 0 && shape.k > 0));
        CHECK(shape.invocations == 0);
    }
    for (const MatrixShape& shape : caps.flexible_matrices) {
        CHECK((shape.m > 0 && shape.n > 0 && shape.k > 0));
        CHECK(shape.invocations <= caps.matrix_invocations);
    }
}
