// Pictures whose cameras are known, as photogrammetry and renderers leave them in a folder.
//
//   found in the folder, the first of                            pictures in
//   sparse/0/, sparse/ or the folder itself: cameras, images,    images/, or the folder itself
//     points3D, each .bin or .txt (COLMAP)
//   transforms_train.json, with transforms_test.json beside it   where each frame says, from the
//     (NeRF's synthetic scenes), or transforms.json                JSON file on; .png and .jpg
//     (instant-ngp, Nerfstudio)                                    may be left out
//   colmap/sparse/0/ (COLMAP)                                    images/
//
// Worlds are right-handed, as they stand in the files until turn() turns them: COLMAP's has any
// axes, that of transforms.json has z up. Poses are those of camera.h, whose cameras look along +z
// with y down.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

// How a camera projects. A point at (x, y) of the plane z = 1 is first displaced to
//     x (1 + k1 r^2 + k2 r^4) + 2 p1 x y + p2 (r^2 + 2 x^2),  r^2 = x^2 + y^2,
// and y likewise with p1 and p2 exchanged, then seen at (fx x + cx, fy y + cy).
// Source: Brown. Decentering Distortion of Lenses. 1966.
struct Lens {
    int width = 0, height = 0;               // pixels; 0: as the picture has
    double fx = 0, fy = 0, cx = 0, cy = 0;   // pixels, centres at +0.5
    double k1 = 0, k2 = 0, p1 = 0, p2 = 0;
    double angle_x = 0;   // of view across, radians; where not 0, it stands for fx to cy

    bool distorted() const { return k1 != 0 || k2 != 0 || p1 != 0 || p2 != 0; }
};

struct PosedPicture {
    std::string name;   // as the model has it
    std::string path;   // of the file
    Lens lens;
    std::array<double, 9> rotation{1, 0, 0, 0, 1, 0, 0, 0, 1};   // world to camera, row by row
    std::array<double, 3> translation{};
    bool held_out = false;   // by the files: not to learn from

    std::array<double, 3> position() const;   // in the world
};

// What a reconstruction knows of surfaces; empty where it knows nothing.
struct PosedPoints {
    std::vector<float> positions;   // [n, 3]
    std::vector<uint8_t> colours;   // [n, 3], sRGB

    size_t size() const { return positions.size() / 3; }
};

struct PosedSet {
    std::vector<PosedPicture> pictures;   // by name
    PosedPoints points;
    std::string source;   // the file or folder that says where the cameras are
    bool z_up = false;    // by convention of that file; else nothing says what is up
};

// From a folder as above, or a transforms.json. Nothing of the kind in it, files that lack, are cut
// short, or lie about a count, values that are not finite or no rotation, cameras that project
// otherwise than Lens (fisheyes: undistort them first), pictures that are not there, fewer than
// two: Status::bad_file, naming the file and the fact. Pictures are not opened.
Result<PosedSet> read_posed(const std::string& path);

// Which axis of the world as it stands in the files points up. `automatic` is z where the files'
// convention says so, else the mean of what the pictures take for up; where they do not agree on
// any, -y, COLMAP's for a level first camera.
enum class Up : uint8_t { automatic, x, y, z, minus_x, minus_y, minus_z };
inline constexpr std::string_view kUpNames[] = {"auto", "x", "y", "z", "-x", "-y", "-z"};
Result<Up> up_named(std::string_view name);   // none of the names: usage

// Turns cameras and points about the origin so that y is up; nothing is moved nor scaled. After
// Up::minus_y a .ply, whose axes are RDF, has the coordinates of the files.
void turn(PosedSet& set, Up up);

// Where the optical axes come nearest to one another, and how far around it the cameras see on
// average: a ball to begin in where there are no points. Cameras that look in parallel have their
// focus at ten times the distance that they are spread over.
struct Focus {
    std::array<double, 3> centre;
    double radius;
};
Focus focus_of(const PosedSet& set);

}   // namespace kiln
