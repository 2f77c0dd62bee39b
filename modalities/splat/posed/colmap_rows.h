// What COLMAP's text and binary files hold alike, as they hold it.
#pragma once
#include <vector>

#include "modalities/splat/posed/colmap.h"

namespace kiln {

struct ColmapCamera {
    uint32_t id = 0;
    int model = 0;   // by COLMAP's number
    uint64_t width = 0, height = 0;
    std::vector<double> parameters;
};
struct ColmapImage {
    std::array<double, 4> rotation{};   // w x y z, world to camera
    std::array<double, 3> translation{};
    uint32_t camera = 0;
    std::string name;
};
struct ColmapRows {
    std::vector<ColmapCamera> cameras;
    std::vector<ColmapImage> images;
    PosedPoints points;
};

// Files that end early, or whose counts or words cannot be: Status::bad_file. Values are not
// checked.
Result<ColmapRows> colmap_rows_binary(const ColmapFiles& files);
Result<ColmapRows> colmap_rows_text(const ColmapFiles& files);

// COLMAP's camera models, by their numbers from 0 on.
struct ColmapModel {
    std::string_view name;
    size_t parameters;
};
std::span<const ColmapModel> colmap_models();

}   // namespace kiln
