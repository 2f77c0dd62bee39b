// Reads capabilities, workgroup size and shared memory from a module's global section
// (Khronos, SPIR-V Specification 1.6, sections 2.3 and 3).
#include "runtime/vk/demands.h"

#include <spirv.hpp>
#include <unordered_map>
#include <vector>

namespace kiln::vk {
namespace {

// Capabilities that the oldest headers lack (SPV_KHR_cooperative_matrix,
// SPV_NV_cooperative_matrix2).
constexpr uint32_t kCooperativeMatrix = 6022, kReductions = 5430, kConversions = 5431,
                   kPerElementOperations = 5432, kTensorAddressing = 5433, kBlockLoads = 5434,
                   kTensors = 5439;

struct Module {
    std::span<const uint32_t> constants;   // given from outside, by SpecId
    std::vector<uint32_t> capabilities;
    std::unordered_map<uint32_t, uint32_t> spec_ids;   // result id -> SpecId
    std::unordered_map<uint32_t, uint64_t>
        values;   // scalar constants, bytes of types, by result id
    std::unordered_map<uint32_t, uint32_t> pointees;   // pointer type -> type
    std::array<uint64_t, 3> local{1, 1, 1};
    std::array<uint32_t, 3> local_ids{};   // of the constants of the same, where they are given so
    uint32_t workgroup_size = 0;           // id of the constant that replaces `local`
    uint64_t shared = 0;

    uint64_t value(uint32_t id) const {
        auto it = values.find(id);
        return it == values.end() ? 0 : it->second;
    }
    uint64_t specialized(uint32_t id, uint32_t fallback) const {
        auto it = spec_ids.find(id);
        return it != spec_ids.end() && it->second < constants.size() ? constants[it->second]
                                                                     : fallback;
    }
};

uint64_t folded(const Module& m, std::span<const uint32_t> words) {
    uint64_t a = words.size() > 4 ? m.value(words[4]) : 0,
             b = words.size() > 5 ? m.value(words[5]) : 0;
    switch (words[3]) {
        case spv::OpIAdd: return uint32_t(a + b);
        case spv::OpISub: return uint32_t(a - b);
        case spv::OpIMul: return uint32_t(a * b);
        case spv::OpUDiv:
        case spv::OpSDiv: return b ? a / b : 0;
        case spv::OpUMod:
        case spv::OpSMod:
        case spv::OpSRem: return b ? a % b : 0;
        case spv::OpShiftLeftLogical: return uint32_t(a << (b & 31));
        case spv::OpShiftRightLogical:
        case spv::OpShiftRightArithmetic: return a >> (b & 31);
        case spv::OpBitwiseAnd: return a & b;
        case spv::OpBitwiseOr: return a | b;
        case spv::OpIEqual: return a == b;
        case spv::OpINotEqual: return a != b;
        case spv::OpULessThan:
        case spv::OpSLessThan: return a < b;
        case spv::OpUGreaterThan:
        case spv::OpSGreaterThan: return a > b;
        case spv::OpLogicalNot: return !a;
        case spv::OpSelect: return a ? b : words.size() > 6 ? m.value(words[6]) : 0;
        default: return 0;
    }
}

void read_type(Module& m, spv::Op op, std::span<const uint32_t> words) {
    switch (op) {
        case spv::OpTypeBool: m.values[words[1]] = 4; break;
        case spv::OpTypeInt:
        case spv::OpTypeFloat: m.values[words[1]] = words[2] / 8; break;
        case spv::OpTypeVector:
        case spv::OpTypeMatrix: m.values[words[1]] = m.value(words[2]) * words[3]; break;
        case spv::OpTypeArray: m.values[words[1]] = m.value(words[2]) * m.value(words[3]); break;
        case spv::OpTypeStruct: {
            uint64_t bytes = 0;
            for (uint32_t member : words.subspan(2)) bytes += m.value(member);
            m.values[words[1]] = bytes;
            break;
        }
        case spv::OpTypePointer: m.pointees[words[1]] = words[3]; break;
        default: break;
    }
}

void read_constant(Module& m, spv::Op op, std::span<const uint32_t> words) {
    switch (op) {
        case spv::OpConstant: m.values[words[2]] = words[3]; break;
        case spv::OpConstantTrue: m.values[words[2]] = 1; break;
        case spv::OpSpecConstantTrue: m.values[words[2]] = m.specialized(words[2], 1); break;
        case spv::OpSpecConstantFalse: m.values[words[2]] = m.specialized(words[2], 0); break;
        case spv::OpSpecConstant: m.values[words[2]] = m.specialized(words[2], words[3]); break;
        case spv::OpSpecConstantOp: m.values[words[2]] = folded(m, words); break;
        case spv::OpConstantComposite:
        case spv::OpSpecConstantComposite:
            if (words[2] != m.workgroup_size || words.size() < 6) break;
            m.local = {m.value(words[3]), m.value(words[4]), m.value(words[5])};
            break;
        default: break;
    }
}

// Types and constants stand before their uses, and all of them before the first function.
Module read(std::span<const uint32_t> spirv, std::span<const uint32_t> constants) {
    Module m;
    m.constants = constants;
    for (size_t at = 5; at < spirv.size();) {
        size_t length = spirv[at] >> 16;
        auto op = spv::Op(spirv[at] & 0xffff);
        if (length == 0 || at + length > spirv.size() || op == spv::OpFunction) break;
        std::span<const uint32_t> words = spirv.subspan(at, length);
        at += length;
        if (op == spv::OpCapability) m.capabilities.push_back(words[1]);
        if (op == spv::OpExecutionMode && words[2] == spv::ExecutionModeLocalSize) {
            m.local = {words[3], words[4], words[5]};
        }
        if (op == spv::OpExecutionModeId && words[2] == spv::ExecutionModeLocalSizeId) {
            m.local_ids = {words[3], words[4], words[5]};
        }
        if (op == spv::OpDecorate && words[2] == spv::DecorationSpecId)
            m.spec_ids[words[1]] = words[3];
        if (op == spv::OpDecorate && words[2] == spv::DecorationBuiltIn &&
            words[3] == spv::BuiltInWorkgroupSize) {
            m.workgroup_size = words[1];
        }
        if (op == spv::OpVariable && words[3] == spv::StorageClassWorkgroup) {
            m.shared += m.value(m.pointees[words[1]]);
        }
        read_type(m, op, words);
        read_constant(m, op, words);
    }
    for (size_t axis = 0; axis < 3; axis++)
        if (m.local_ids[axis]) m.local[axis] = m.value(m.local_ids[axis]);
    return m;
}

// The name of a capability that the caps do not have; null when they have it.
const char* lacking(uint32_t capability, const Caps& caps) {
    switch (capability) {
        case spv::CapabilityFloat16: return caps.fp16 ? nullptr : "f16 arithmetic";
        case spv::CapabilityFloat64: return "f64 arithmetic";
        case spv::CapabilityInt64: return caps.int64 ? nullptr : "64-bit integers";
        case spv::CapabilityInt16: return "16-bit integer arithmetic";
        case spv::CapabilityInt8: return "8-bit integer arithmetic";
        case spv::CapabilityStorageBuffer16BitAccess:
        case spv::CapabilityUniformAndStorageBuffer16BitAccess:
            return caps.storage_16bit ? nullptr : "16-bit storage";
        case spv::CapabilityStorageBuffer8BitAccess:
        case spv::CapabilityUniformAndStorageBuffer8BitAccess:
            return caps.storage_8bit ? nullptr : "8-bit storage";
        case spv::CapabilityGroupNonUniform:
        case spv::CapabilityGroupNonUniformVote:
            return caps.subgroup_max > 1 ? nullptr : "subgroups";
        case spv::CapabilityGroupNonUniformBallot:
            return caps.subgroup_ballot ? nullptr : "subgroup ballot";
        case spv::CapabilityGroupNonUniformArithmetic:
        case spv::CapabilityGroupNonUniformClustered:
            return caps.subgroup_arithmetic ? nullptr : "subgroup arithmetic";
        case spv::CapabilityGroupNonUniformShuffle:
        case spv::CapabilityGroupNonUniformShuffleRelative:
            return caps.subgroup_shuffle ? nullptr : "subgroup shuffle";
        case spv::CapabilityAtomicFloat32AddEXT:
            return caps.float_atomics ? nullptr : "float atomics";
        case spv::CapabilityDotProductKHR:
        case spv::CapabilityDotProductInput4x8BitPackedKHR:
            return caps.packed_dot ? nullptr : "packed dot products";
        case kCooperativeMatrix: return caps.matrices.empty() ? "cooperative matrices" : nullptr;
        case kReductions:
        case kConversions:
        case kPerElementOperations:
            return caps.flexible_matrices.empty() ? "flexible cooperative matrices" : nullptr;
        case kTensors:
        case kTensorAddressing:
            return caps.matrix_tensors ? nullptr : "tensors in cooperative matrices";
        case kBlockLoads: return "block loads of cooperative matrices";
        default: return nullptr;
    }
}

}   // namespace

std::string objection_to(std::span<const uint32_t> spirv, std::span<const uint32_t> constants,
                         const Caps& caps) {
    if (spirv.size() < 5 || spirv[0] != spv::MagicNumber) return "it is not SPIR-V";
    Module m = read(spirv, constants);
    for (uint32_t capability : m.capabilities) {
        if (const char* what = lacking(capability, caps)) return std::string("it needs ") + what;
    }
    auto over = [](const char* what, uint64_t has, uint64_t limit) {
        return std::string(what) + " " + std::to_string(has) + ", the limit is " +
               std::to_string(limit);
    };
    uint64_t invocations = m.local[0] * m.local[1] * m.local[2];
    if (invocations > caps.invocations)
        return over("invocations a workgroup", invocations, caps.invocations);
    for (size_t axis = 0; axis < 3; axis++) {
        if (m.local[axis] > caps.workgroup_size[axis]) {
            return over("workgroup extent", m.local[axis], caps.workgroup_size[axis]);
        }
    }
    if (m.shared > caps.shared_memory)
        return over("bytes of shared memory", m.shared, caps.shared_memory);
    return {};
}

bool counts_workgroups(std::span<const uint32_t> spirv) {
    for (size_t at = 5; at < spirv.size();) {
        size_t length = spirv[at] >> 16;
        auto op = spv::Op(spirv[at] & 0xffff);
        if (length == 0 || at + length > spirv.size() || op == spv::OpFunction) break;
        if (op == spv::OpDecorate && spirv[at + 2] == spv::DecorationBuiltIn &&
            spirv[at + 3] == spv::BuiltInNumWorkgroups)
            return true;
        at += length;
    }
    return false;
}

}   // namespace kiln::vk
