#include "modalities/splat/posed/transforms.h"

#include <cmath>

#include "modalities/splat/posed/check.h"
#include "runtime/io/json.h"

namespace kiln {
namespace {

// A value of the frame, else of the whole file.
double number_of(const JsonObject& frame, const JsonObject& file, const char* key,
                 double otherwise) {
    return take((frame.has(key) ? frame : file).number(key, otherwise));
}

void check_model(const JsonObject& frame, const JsonObject& file) {
    const std::string model =
        take((frame.has("camera_model") ? frame : file).string("camera_model", "OPENCV"));
    const bool fisheye = take(file.boolean("is_fisheye", false));
    double further = 0;
    for (const char* key : {"k3", "k4", "k5", "k6"})
        further = std::max(further, std::abs(number_of(frame, file, key, 0)));
    if (fisheye || further > 0 ||
        (model != "OPENCV" && model != "PINHOLE" && model != "SIMPLE_PINHOLE"))
        throw ResultError(file.error(
            "camera_model", (fisheye       ? "a fisheye"
                             : further > 0 ? model + " with k3"
                                           : model) +
                                " is not read; undistort the pictures first, as by colmap "
                                "image_undistorter or ns-process-data with pinhole cameras"));
}

Lens lens_of(const JsonObject& frame, const JsonObject& file) {
    const auto number = [&](const char* key, double otherwise) {
        return number_of(frame, file, key, otherwise);
    };
    check_model(frame, file);
    Lens l;
    const double width = number("w", 0), height = number("h", 0);
    if (!(width >= 0 && width <= 65536 && height >= 0 && height <= 65536))
        throw ResultError(file.error("w", "a picture cannot have such a size"));
    l.width = int(width), l.height = int(height);
    const bool focal = frame.has("fl_x") || file.has("fl_x");
    if (!focal) {
        if (!frame.has("camera_angle_x") && !file.has("camera_angle_x"))
            throw ResultError(
                file.error("camera_angle_x", "is not there, and fl_x neither: there is no camera"));
        l.angle_x = number("camera_angle_x", 0);
        if (l.angle_x == 0) throw ResultError(file.error("camera_angle_x", "0 sees nothing"));
        return l;
    }
    l.fx = number("fl_x", 0), l.fy = number("fl_y", l.fx);
    if (l.width == 0 || l.height == 0)
        throw ResultError(file.error("w", "w and h have to stand beside fl_x"));
    l.cx = number("cx", width / 2), l.cy = number("cy", height / 2);
    l.k1 = number("k1", 0), l.k2 = number("k2", 0);
    l.p1 = number("p1", 0), l.p2 = number("p2", 0);
    return l;
}

std::array<double, 16> matrix_of(const JsonObject& frame) {
    std::array<double, 16> m{};
    m[15] = 1;
    const auto& value = frame.value();
    const auto found = value.find("transform_matrix");
    const auto bad = [&] {
        return ResultError(frame.error("transform_matrix", "expected 4 rows of 4 numbers"));
    };
    if (found == value.end() || !found->is_array() || found->size() < 3 || found->size() > 4)
        throw bad();
    for (size_t row = 0; row < found->size(); row++) {
        const auto& numbers = (*found)[row];
        if (!numbers.is_array() || numbers.size() != 4) throw bad();
        for (size_t column = 0; column < 4; column++) {
            if (!numbers[column].is_number()) throw bad();
            m[row * 4 + column] = numbers[column].get<double>();
        }
    }
    return m;
}

// World to camera of a matrix whose columns are the camera's right, up and back in the world.
void pose_of(const JsonObject& frame, PosedPicture& p) {
    const std::array<double, 16> m = matrix_of(frame);
    const auto column = [&](size_t c) { return std::array<double, 3>{m[c], m[4 + c], m[8 + c]}; };
    const std::array<std::array<double, 3>, 3> axes = {column(0), column(1), column(2)};
    const auto dot = [](const auto& a, const auto& b) {
        return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    };
    // Files that were scaled scale all axes alike.
    const double scale = std::sqrt(dot(axes[0], axes[0]));
    double skew = scale > 1e-6 && std::isfinite(scale) ? 0 : 1;
    for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b <= a; b++)
            skew = std::fmax(skew, std::abs(dot(axes[a], axes[b]) / (scale * scale) - (a == b)));
    const double volume = axes[0][0] * (axes[1][1] * axes[2][2] - axes[1][2] * axes[2][1]) -
                          axes[0][1] * (axes[1][0] * axes[2][2] - axes[1][2] * axes[2][0]) +
                          axes[0][2] * (axes[1][0] * axes[2][1] - axes[1][1] * axes[2][0]);
    if (!(skew < 0.02) || !(volume > 0))
        throw ResultError(frame.error("transform_matrix", "turns nothing: it is no rotation"));
    for (size_t row = 0; row < 3; row++) {
        const double sign = row == 0 ? 1 : -1;
        for (size_t c = 0; c < 3; c++) p.rotation[row * 3 + c] = sign * axes[row][c] / scale;
        p.translation[row] = -(p.rotation[row * 3] * m[3] + p.rotation[row * 3 + 1] * m[7] +
                               p.rotation[row * 3 + 2] * m[11]);
    }
}

void read_frames(const nlohmann::json& document, const std::string& where, bool held_out,
                 PosedSet& set) {
    const JsonObject file(document, where);
    take(file.check());
    const auto frames = document.find("frames");
    if (frames == document.end() || !frames->is_array())
        throw ResultError(file.error("frames", "expected a list of pictures"));
    for (size_t i = 0; i < frames->size(); i++) {
        const JsonObject frame((*frames)[i], where + ": frames[" + std::to_string(i) + "]");
        take(frame.check());
        PosedPicture p;
        p.name = p.path = take(frame.string("file_path"));
        if (p.name.empty()) throw ResultError(frame.error("file_path", "is empty"));
        p.lens = lens_of(frame, file);
        p.held_out = held_out;
        pose_of(frame, p);
        take(check_picture(p, where));
        set.pictures.push_back(std::move(p));
    }
}

}   // namespace

Result<void> parse_transforms(std::string_view text, const std::string& where, bool held_out,
                              PosedSet& set) {
    const auto document = parse_json(text, where);
    if (!document) return document.error();
    try {
        read_frames(*document, where, held_out, set);
    } catch (const ResultError& e) {
        return e.error;
    }
    set.source = where, set.z_up = true;
    return {};
}

}   // namespace kiln
