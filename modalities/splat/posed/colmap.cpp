#include "modalities/splat/posed/colmap.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "modalities/splat/posed/check.h"
#include "modalities/splat/posed/colmap_rows.h"

namespace kiln {
namespace {

constexpr ColmapModel kModels[] = {{"SIMPLE_PINHOLE", 3},
                                   {"PINHOLE", 4},
                                   {"SIMPLE_RADIAL", 4},
                                   {"RADIAL", 5},
                                   {"OPENCV", 8},
                                   {"OPENCV_FISHEYE", 8},
                                   {"FULL_OPENCV", 12},
                                   {"FOV", 5},
                                   {"SIMPLE_RADIAL_FISHEYE", 4},
                                   {"RADIAL_FISHEYE", 5},
                                   {"THIN_PRISM_FISHEYE", 12},
                                   {"RAD_TAN_THIN_PRISM_FISHEYE", 16}};

Result<Lens> lens_of(const ColmapCamera& camera, const std::string& where) {
    const auto bad = [&](const std::string& fact) {
        return Error{Status::bad_file,
                     where + ": camera " + std::to_string(camera.id) + ": " + fact};
    };
    constexpr uint64_t kLargest = 1 << 16;
    if (camera.width == 0 || camera.width > kLargest || camera.height == 0 ||
        camera.height > kLargest)
        return bad("pictures of " + std::to_string(camera.width) + " x " +
                   std::to_string(camera.height) + " pixels cannot be");
    Lens l{.width = int(camera.width), .height = int(camera.height)};
    const std::vector<double>& p = camera.parameters;
    switch (camera.model) {
        case 0:
        case 2:
        case 3:
            l.fx = l.fy = p[0], l.cx = p[1], l.cy = p[2];
            if (p.size() > 3) l.k1 = p[3];
            if (p.size() > 4) l.k2 = p[4];
            return l;
        case 1:
        case 4:
            l.fx = p[0], l.fy = p[1], l.cx = p[2], l.cy = p[3];
            if (p.size() > 4) l.k1 = p[4], l.k2 = p[5], l.p1 = p[6], l.p2 = p[7];
            return l;
        default:
            return bad(std::string(kModels[camera.model].name) +
                       " is not read; run colmap image_undistorter, which makes pictures and a "
                       "model without distortion");
    }
}

Result<PosedPicture> picture_of(const ColmapImage& image, const std::map<uint32_t, Lens>& lenses,
                                const std::string& where) {
    PosedPicture p{.name = image.name};
    if (image.name.empty()) return Error{Status::bad_file, where + ": an image has no name"};
    const auto lens = lenses.find(image.camera);
    if (lens == lenses.end())
        return Error{Status::bad_file, where + ": " + image.name + ": there is no camera " +
                                           std::to_string(image.camera)};
    p.lens = lens->second;
    p.translation = image.translation;
    if (!rotation_of(image.rotation, p.rotation))
        return Error{Status::bad_file, where + ": " + image.name + ": its rotation is none"};
    if (const auto good = check_picture(p, where); !good) return good.error();
    return p;
}

}   // namespace

std::span<const ColmapModel> colmap_models() { return kModels; }

Result<PosedSet> parse_colmap(const ColmapFiles& files) {
    auto rows = files.binary ? colmap_rows_binary(files) : colmap_rows_text(files);
    if (!rows) return rows.error();
    if (rows->cameras.empty())
        return Error{Status::bad_file, files.name("cameras") + ": there is no camera in it"};
    std::map<uint32_t, Lens> lenses;
    for (const ColmapCamera& camera : rows->cameras) {
        const auto lens = lens_of(camera, files.name("cameras"));
        if (!lens) return lens.error();
        if (!lenses.emplace(camera.id, *lens).second)
            return Error{Status::bad_file, files.name("cameras") + ": camera " +
                                               std::to_string(camera.id) + " stands there twice"};
    }
    PosedSet set;
    for (const ColmapImage& image : rows->images) {
        auto picture = picture_of(image, lenses, files.name("images"));
        if (!picture) return picture.error();
        set.pictures.push_back(*std::move(picture));
    }
    for (const float x : rows->points.positions)
        if (!(std::abs(x) < 1e9f))
            return Error{Status::bad_file,
                         files.name("points3D") + ": a point is not finite, or too far away"};
    set.points = std::move(rows->points);
    set.source = files.folder;
    return set;
}

}   // namespace kiln
