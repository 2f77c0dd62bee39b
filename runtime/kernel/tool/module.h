// The interface of one SPIR-V module as SPIRV-Cross sees it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace kiln::reflect {

struct Binding {
    std::string name;     // lower case
    std::string access;   // "Read", "Write" or "ReadWrite"
    bool texel = false;
    bool operator==(const Binding& other) const {
        return name == other.name && access == other.access;
    }
};

struct Field {
    std::string name, type;   // type as C++ spells it
    uint32_t offset = 0, size = 0;
    bool operator==(const Field&) const = default;
};

struct Constant {
    uint32_t id = 0;
    std::string name, type, value;   // lower case; C++ type; C++ literal
    bool operator==(const Constant&) const = default;
};

struct Module {
    std::vector<Binding> bindings;     // set 0, by binding number, without gaps
    std::vector<Field> args;           // the push constant block
    std::vector<Constant> constants;   // by id; there may be gaps where a variant does not use one
};

// Throws std::runtime_error saying what kernels must not do (gaps, sets, images, padding holes).
Module reflect(const std::vector<uint32_t>& spirv);

}   // namespace kiln::reflect
