// The container of binary glTF, and numbers out of it.
// Source: Khronos. glTF 2.0 Specification, sections 3.6.2 and 4.
#pragma once
#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

struct Glb {
    nlohmann::json document;
    std::span<const std::byte> binary;   // the buffer that the file brings; empty if none
    std::string where;                   // begins every message
};

// Keeps a reference to the bytes. No binary glTF 2.0, cut short, or lengths that lie: bad_file.
Result<Glb> parse_glb(std::span<const std::byte> bytes, const std::string& where);

// Document and buffer as one file.
std::vector<std::byte> glb_bytes(const nlohmann::ordered_json& document,
                                 std::span<const std::byte> binary);

// Accessor `index` as floats [count, components], integers by their value or, where it says so,
// normalised. Anything else than `components` (1 for SCALAR to 4 for VEC4), more than `limit`
// elements, sparse or outside the buffer is a ResultError (bad_file).
std::vector<float> accessor_values(const Glb& glb, int64_t index, int components, size_t limit);

// Accessor `index`, unsigned integers one by one, under the same conditions.
std::vector<uint32_t> accessor_indices(const Glb& glb, int64_t index, size_t limit);

// What buffer view `index` spans; outside of the buffer: a ResultError (bad_file).
std::span<const std::byte> view_bytes(const Glb& glb, int64_t index);

// document[list][index], an object; else a ResultError.
const nlohmann::json& gltf_object(const Glb& glb, const char* list, int64_t index);

}   // namespace kiln
