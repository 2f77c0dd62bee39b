// The sparse reconstruction that COLMAP writes: cameras, images and points, as text or binary.
// Source: Schoenberger, Frahm. Structure-from-Motion Revisited. 2016; the layout is the one of
// colmap.github.io/format.html.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "modalities/splat/posed/posed.h"

namespace kiln {

// The three files whole; points may be left out. Messages call them folder/cameras.bin and so on.
struct ColmapFiles {
    std::span<const std::byte> cameras, images;
    std::span<const std::byte> points;
    bool binary = false, has_points = false;
    std::string folder;

    std::string name(const char* stem) const {
        return (folder.empty() ? "" : folder + "/") + stem + (binary ? ".bin" : ".txt");
    }
};

// Pictures have a name and no path yet. Lenses that Lens cannot say are refused with what to run.
Result<PosedSet> parse_colmap(const ColmapFiles& files);

}   // namespace kiln
