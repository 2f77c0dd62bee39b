// What a device can do, in the terms that kernels choose by. Every field is a promise that a
// profile can take away (masked()), so that poor devices are tested on rich ones.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

// Vendor ids: of PCI, or those that Khronos gave.
namespace vendor {
constexpr uint32_t amd = 0x1002, arm = 0x13b5, broadcom = 0x14e4, imagination = 0x1010,
                   intel = 0x8086, nvidia = 0x10de, qualcomm = 0x5143;
}   // namespace vendor

enum class DeviceKind : uint8_t { discrete, integrated, virtual_gpu, cpu, other };
std::string_view name_of(DeviceKind kind);

// What the entries of a cooperative matrix are.
enum class MatrixEntry : uint8_t { f16, bf16, e4m3, e5m2, s8, u8, f32, s32, u32, other };
std::string_view name_of(MatrixEntry entry);

// A product D = A B + C of cooperative matrices that a device offers: A is [m, k] and B is [k, n].
struct MatrixShape {
    uint32_t m = 0, n = 0, k = 0;   // flexible: what the extents are multiples of
    MatrixEntry a = MatrixEntry::other, b = MatrixEntry::other;   // and of C and D
    MatrixEntry c = MatrixEntry::other, d = MatrixEntry::other;
    bool saturating = false;
    uint32_t invocations = 0;   // that share in it: a workgroup of that many; 0: one subgroup
};

struct Caps {
    std::string device, driver, driver_info;   // as the driver reports them
    uint32_t vendor_id = 0, device_id = 0, driver_version = 0, api_version = 0;
    std::array<uint8_t, 16> cache_uuid{};   // pipelineCacheUUID
    DeviceKind kind = DeviceKind::other;
    std::string profile;   // the profile that masked these caps; empty: none

    uint32_t shared_memory = 16384;   // bytes a workgroup
    uint32_t invocations = 128;       // a workgroup
    std::array<uint32_t, 3> workgroup_size{128, 128, 64};
    std::array<uint32_t, 3> workgroup_count{65535, 65535, 65535};
    uint64_t binding_range = 1u << 27;   // bytes of one storage-buffer binding
    uint64_t allocation = 1u << 30;      // bytes of one memory allocation
    uint64_t texel_elements = 65536;     // elements of one texel-buffer view
    uint32_t offset_alignment = 256;     // bytes; of every storage and texel binding
    uint32_t push_bytes = 128;
    uint32_t storage_bindings = 4;   // storage buffers a kernel
    uint64_t loop_iterations = 0;    // back-edges an invocation may take; 0: no limit

    uint32_t subgroup_size = 1, subgroup_min = 1, subgroup_max = 1;
    bool subgroup_ballot = false;   // broadcast and ballot in compute
    bool subgroup_arithmetic = false;
    bool subgroup_shuffle = false;
    bool subgroup_size_control = false;   // a required size and full subgroups can be asked for
    bool storage_16bit = false;           // 16-bit types in storage buffers
    bool storage_8bit = false;
    bool fp16 = false;   // f16 arithmetic
    bool int64 = false;
    bool float_atomics = false;    // f32 atomic add on storage buffers
    bool unified_memory = false;   // all device memory is host-visible
    uint64_t device_memory = 0;    // bytes of the largest device-local heap
    uint64_t host_memory = 0;      // bytes of the largest other heap that kernels and host reach
    bool transfer_queue = false;   // copies can run beside kernels, on a queue of their own
    double timestamp_ns = 0;       // nanoseconds a tick; 0: no timestamps
    uint32_t cores = 0;            // that run workgroups side by side; 0: not known

    // Cooperative matrices of a subgroup (VK_KHR_cooperative_matrix), the driver's favourites
    // first, and those with any extents that are multiples (VK_NV_cooperative_matrix2). Both empty:
    // none. The second come with reductions, conversions and functions of each element.
    std::vector<MatrixShape> matrices, flexible_matrices;
    bool matrix_tensors = false;       // matrices of workgroups, and loads of tensors into them
    uint32_t matrix_extent = 0;        // the largest extent of a flexible matrix
    uint32_t matrix_invocations = 0;   // of a workgroup that shares in one, at most
    uint32_t matrix_shared = 0;        // bytes of shared memory that the driver needs for them
    bool packed_dot = false;           // packed 8-bit dot products can be computed,
    bool fast_dot = false;             // in hardware those of signed bytes,
    bool mixed_dot = false;            // and those of mixed signs
};

// Whether cooperative matrices are units of the device. Some drivers emulate them, slower than
// plain arithmetic. They are not taken as hardware on
// - CPU drivers, which offer them for tests;
// - Intel before Xe2 (whose subgroups begin at 8), except the discrete DG2 with its XMX units;
// - AMD's own drivers before RDNA3, told by its mixed-sign packed dot product; RADV says the truth;
// - Qualcomm, whose compiler fails at tiles that fill the units.
// A device without any is not hardware either.
bool matrix_hardware(const Caps& caps);

// The same caps, reduced to a named profile. "" and "full": unchanged. "minimal": what Vulkan 1.1
// promises. "mobile": minimal with subgroups and f16. "desktop": 32 KiB, 256 invocations,
// subgroups and their matrices, but no flexible ones. An unknown name is Status::usage and lists
// the names.
Result<Caps> masked(Caps caps, std::string_view profile);

}   // namespace kiln
