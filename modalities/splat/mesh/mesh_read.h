// Triangles out of files of meshes, to tell what they hold: binary glTF, Wavefront OBJ.
// Source: Khronos. glTF 2.0 Specification. Wavefront. Object Files (.obj), Advanced Visualizer
// 1991.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "modalities/splat/mesh/mesh.h"
#include "runtime/base/result.h"

namespace kiln {

struct FileMesh {
    Surface surface;                  // as the file's nodes place it; faces of many corners as fans
    std::vector<std::byte> texture;   // of a .glb: the first base colour, as a file of a picture
    std::string material;             // of an .obj: the first file of materials that it names
};

struct MeshLimits {
    size_t points = size_t(1) << 25, triangles = size_t(1) << 26;   // more are refused
};

// Everything read is distrusted. No triangles, cut short, indices of points that are not there, a
// place that is not finite, and of .glb triangles in strips: Status::bad_file.
Result<FileMesh> parse_mesh_glb(std::span<const std::byte> bytes, const std::string& where,
                                const MeshLimits& limits = {});
Result<FileMesh> parse_obj(std::span<const std::byte> bytes, const std::string& where,
                           const MeshLimits& limits = {});

// Whether every side of a triangle is one of another that goes along it the other way, points at
// the same place being one: then a surface has an inside.
bool is_closed(const Surface& surface);

}   // namespace kiln
