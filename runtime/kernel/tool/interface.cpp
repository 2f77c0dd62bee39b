// Reads the decorations of a module (Khronos, SPIR-V Specification 1.6, sections 2.3 and 3.20).
#include "runtime/kernel/tool/interface.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <spirv.hpp>
#include <stdexcept>
#include <utility>

namespace kiln::reflect {
namespace {

struct Interface {
    std::set<uint32_t> constants;        // ids of specialization constants
    std::map<uint32_t, bool> bindings;   // by number: whether it may be written
    std::set<uint32_t> pushed;           // offsets of push constants
};

struct Decorations {
    std::map<uint32_t, uint32_t> bindings, pointees;   // by variable; by pointer type
    std::map<uint32_t, std::set<uint32_t>> offsets;    // of members, by structure
    std::set<uint32_t> readonly;   // structures with a member that is, and variables
    std::vector<std::span<const uint32_t>> variables;
};

void read(Decorations& seen, Interface& out, spv::Op op, std::span<const uint32_t> words) {
    if (op == spv::OpDecorate && words[2] == spv::DecorationSpecId) out.constants.insert(words[3]);
    if (op == spv::OpDecorate && words[2] == spv::DecorationBinding)
        seen.bindings[words[1]] = words[3];
    if (op == spv::OpDecorate && words[2] == spv::DecorationNonWritable)
        seen.readonly.insert(words[1]);
    if (op == spv::OpMemberDecorate && words[3] == spv::DecorationNonWritable)
        seen.readonly.insert(words[1]);
    if (op == spv::OpMemberDecorate && words[3] == spv::DecorationOffset)
        seen.offsets[words[1]].insert(words[4]);
    if (op == spv::OpTypePointer) seen.pointees[words[1]] = words[3];
    if (op == spv::OpVariable) seen.variables.push_back(words);
}

Interface interface_of(const std::vector<uint32_t>& spirv) {
    Interface out;
    Decorations seen;
    for (size_t at = 5; at < spirv.size();) {
        size_t length = spirv[at] >> 16;
        auto op = spv::Op(spirv[at] & 0xffff);
        if (length == 0 || at + length > spirv.size() || op == spv::OpFunction) break;
        read(seen, out, op, std::span(spirv).subspan(at, length));
        at += length;
    }
    for (std::span<const uint32_t> variable : seen.variables) {
        uint32_t structure = seen.pointees[variable[1]];
        if (variable[3] == spv::StorageClassPushConstant) out.pushed = seen.offsets[structure];
        if (auto binding = seen.bindings.find(variable[2]); binding != seen.bindings.end()) {
            bool readonly = seen.readonly.count(structure) || seen.readonly.count(variable[2]) ||
                            variable[3] == spv::StorageClassUniformConstant;
            out.bindings[binding->second] |= !readonly;
        }
    }
    return out;
}

}   // namespace

void check_within(const std::vector<uint32_t>& embedded, const std::vector<uint32_t>& reflected) {
    Interface used = interface_of(embedded), declared = interface_of(reflected);
    auto fail = [](const std::string& what, uint32_t which) {
        throw std::runtime_error("the module uses " + what + " " + std::to_string(which) +
                                 " that the reflected one does not declare");
    };
    for (uint32_t id : used.constants)
        if (!declared.constants.count(id)) fail("specialization constant", id);
    for (uint32_t offset : used.pushed)
        if (!declared.pushed.count(offset)) fail("a push constant at", offset);
    for (auto [binding, written] : used.bindings) {
        auto found = declared.bindings.find(binding);
        if (found == declared.bindings.end()) fail("binding", binding);
        if (written && !found->second) fail("a writable binding", binding);
    }
}

}   // namespace kiln::reflect
