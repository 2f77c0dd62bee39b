// What of real U-Nets runs on the matrix units of GPUs that need not be there.
#include "tests/gate/networks.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// What GPUs with matrix units have in common.
Caps modern(uint32_t vendor_id, uint32_t cores, const MatrixShape& shape) {
    Caps caps;
    caps.vendor_id = vendor_id;
    caps.cores = cores;
    caps.kind = DeviceKind::discrete;
    caps.shared_memory = 49152;
    caps.invocations = 1024;
    caps.workgroup_size = {1024, 1024, 64};
    caps.binding_range = caps.allocation = 1u << 31;
    caps.texel_elements = 1u << 27;
    caps.storage_bindings = 64;
    caps.offset_alignment = 16;
    caps.subgroup_ballot = caps.subgroup_arithmetic = caps.subgroup_shuffle = true;
    caps.subgroup_size_control = caps.storage_16bit = caps.fp16 = true;
    caps.matrices = {shape};
    return caps;
}

MatrixShape halves(uint32_t m, uint32_t n, uint32_t k, uint32_t invocations = 0) {
    MatrixShape shape{.m = m, .n = n, .k = k};
    shape.a = shape.b = MatrixEntry::f16;
    shape.c = shape.d = MatrixEntry::f32;
    shape.invocations = invocations;
    return shape;
}

Caps with_subgroups(Caps caps, uint32_t smallest, uint32_t usual) {
    caps.subgroup_min = smallest;
    caps.subgroup_size = caps.subgroup_max = usual;
    return caps;
}

Caps ada() { return with_subgroups(modern(vendor::nvidia, 46, halves(16, 16, 16)), 32, 32); }

Caps ada_with_workgroups() {
    Caps caps = ada();
    caps.flexible_matrices = {halves(32, 32, 16, 128), halves(32, 32, 16, 256)};
    caps.matrix_tensors = true;
    caps.matrix_extent = 1024;
    caps.matrix_invocations = 256;
    caps.matrix_shared = 4096;
    return caps;
}

Caps rdna3() {
    Caps caps = with_subgroups(modern(vendor::amd, 60, halves(16, 16, 16)), 32, 64);
    caps.driver = "radv";
    return caps;
}

Caps arc(uint32_t device_id, uint32_t smallest, uint32_t n) {
    Caps caps = with_subgroups(modern(vendor::intel, 32, halves(8, n, 16)), smallest, 32);
    caps.device_id = device_id;
    return caps;
}

}   // namespace

TEST_CASE("products of a U-Net in f16 run on matrix units, gates and statistics with them",
          "[gpu]") {
    auto device = test_device();
    const std::pair<std::string, int64_t> networks[] = {{"unet_sd15", 64}, {"unet_sdxl", 128}};
    const std::pair<std::string, Caps> gpus[] = {{"Ada", ada()},
                                                 {"Ada, by workgroups", ada_with_workgroups()},
                                                 {"RDNA3", rdna3()},
                                                 {"DG2", arc(0x56a0, 8, 8)},
                                                 {"Xe2", arc(0xe20b, 16, 16)}};
    for (const auto& [gpu, caps] : gpus)
        for (const auto& [network, size] : networks) {
            double all = 0, on_matrices = 0;
            std::map<std::string, int> launches;
            for (const LaunchNote& note : unet_launches(device, caps, network, size)) {
                launches[note.variant.substr(0, note.variant.find(' '))]++;
                if (!note.variant.starts_with("matmul.")) continue;
                all += note.work.flops;
                if (note.variant.starts_with("matmul.matrix")) on_matrices += note.work.flops;
            }
            INFO(gpu << ": " << network);
            CHECK(on_matrices > 0.999 * all);
            CHECK(launches["geglu"] == 0);
            CHECK(launches["group_norm_stats"] < launches["group_norm_scale"] / 2);
            CHECK(launches["group_norm"] < launches["group_norm_scale"]);   // some in loads
        }
}
