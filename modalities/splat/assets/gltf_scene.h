// What the scene of a glTF file shows.
// Source: Khronos. glTF 2.0 Specification, sections 3.5 and 3.7.
#pragma once
#include <array>
#include <functional>

#include "modalities/splat/assets/glb.h"
#include "runtime/io/json.h"

namespace kiln {

using GltfMatrix = std::array<double, 16>;   // 4 x 4, row by row
inline constexpr GltfMatrix kGltfIdentity = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};

// Calls `act` for every primitive of the meshes in the default scene, or, without scenes, of all
// nodes, with the matrix that places it and the name of its node for messages. Nodes that form no
// tree, or one of more than 64 levels, and indices of what is not there are a ResultError
// (bad_file).
using PrimitiveAct = std::function<void(const JsonObject& primitive, const GltfMatrix& matrix,
                                        const std::string& node)>;
void each_primitive(const Glb& glb, const PrimitiveAct& act);

}   // namespace kiln
