// What holds of any bytes as a mesh: either refused, or triangles over finite points.
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "modalities/splat/mesh/mesh_read.h"
#include "runtime/io/file.h"

using namespace kiln;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    constexpr size_t most = 4096;
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto mesh = as_text(bytes).starts_with("glTF")
                          ? parse_mesh_glb(bytes, "fuzz.glb", {most, most})
                          : parse_obj(bytes, "fuzz.obj", {most, most});
    if (!mesh) {
        if (mesh.error().status != Status::bad_file) std::abort();
        return 0;
    }
    const Surface& s = mesh->surface;
    if (s.triangles.empty() || s.triangles.size() > most || s.points.size() > most) std::abort();
    for (const Vec3& p : s.points)
        for (const double v : p)
            if (!std::isfinite(v)) std::abort();
    for (const Triangle& t : s.triangles)
        for (const uint32_t i : t)
            if (i >= s.points.size()) std::abort();
    is_closed(s);
    return 0;
}
