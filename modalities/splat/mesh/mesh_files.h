// Textured meshes as files: binary glTF, or Wavefront OBJ with its material and picture.
// Source: Khronos. glTF 2.0 Specification. Wavefront. Object Files (.obj), Advanced Visualizer
// 1991.
//
// Both have y up, metres, normals, and a material of the texture alone: no metal, all rough.
// A mesh with a value that is not finite, or without triangles: Status::not_finite, usage.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "modalities/splat/mesh/extract.h"

namespace kiln {

// One file, the texture inside as PNG.
Result<std::vector<std::byte>> mesh_glb_bytes(const TexturedMesh& mesh);

// `obj` names STEM.mtl, which names STEM.png: they have to lie beside it under these names.
struct ObjFiles {
    std::vector<std::byte> obj, mtl, png;
};
Result<ObjFiles> obj_files(const TexturedMesh& mesh, const std::string& stem);

}   // namespace kiln
