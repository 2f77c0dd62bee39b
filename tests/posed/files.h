// COLMAP's files and transforms.json of one scene, as text and as bytes, and its pictures.
#pragma once
#include <cstring>
#include <string>

#include "modalities/splat/posed/posed.h"
#include "runtime/io/image.h"
#include "tests/io/files.h"

namespace kiln::test {

template <class T>
void append(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

struct ColmapPose {
    double q[4], t[3];
};
// Neither unit quaternions nor round numbers.
inline const ColmapPose kPoses[] = {{{2, 0, 0, 0}, {0, 0, 4}},
                                    {{1, 0, -1, 0}, {0.25, -0.5, 3}},
                                    {{0.9, 0.1, 0.3, -0.2}, {-1, 0.125, 5}}};

inline std::string cameras_text(const std::string& model = "PINHOLE 20 16 30 31 10 8") {
    return "# a remark\n7 " + model + "\n";
}
inline std::string images_text() {
    std::string text = "# two lines an image\n";
    for (int i = 0; i < 3; i++) {
        text += std::to_string(i + 1);
        for (const double q : kPoses[i].q) text += " " + std::to_string(q);
        for (const double t : kPoses[i].t) text += " " + std::to_string(t);
        text += " 7 view " + std::to_string(2 - i) + ".png\n" +
                (i == 1 ? "\n" : "1.5 2.5 -1 3.5 4.5 12\n");
    }
    return text;
}
inline std::string points_text() {
    return "1 0.5 -0.25 2 10 20 30 0.5 1 0 2 1\n2 1 1 -1 255 0 7 0.1\n";
}

inline std::string cameras_bytes(int model = 1, std::vector<double> parameters = {30, 31, 10, 8}) {
    std::string bytes;
    append<uint64_t>(bytes, 1);
    append<uint32_t>(bytes, 7), append<int32_t>(bytes, model);
    append<uint64_t>(bytes, 20), append<uint64_t>(bytes, 16);
    for (const double p : parameters) append(bytes, p);
    return bytes;
}
inline std::string images_bytes() {
    std::string bytes;
    append<uint64_t>(bytes, 3);
    for (int i = 0; i < 3; i++) {
        append<uint32_t>(bytes, uint32_t(i + 1));
        for (const double q : kPoses[i].q) append(bytes, q);
        for (const double t : kPoses[i].t) append(bytes, t);
        append<uint32_t>(bytes, 7);
        bytes += "view " + std::to_string(2 - i) + ".png";
        bytes += '\0';
        append<uint64_t>(bytes, uint64_t(i));
        bytes.append(size_t(i) * 24, '\x11');
    }
    return bytes;
}
inline std::string points_bytes() {
    std::string bytes;
    append<uint64_t>(bytes, 2);
    const double places[2][3] = {{0.5, -0.25, 2}, {1, 1, -1}};
    const uint8_t colours[2][3] = {{10, 20, 30}, {255, 0, 7}};
    for (int i = 0; i < 2; i++) {
        append<uint64_t>(bytes, uint64_t(i + 1));
        for (const double x : places[i]) append(bytes, x);
        for (const uint8_t c : colours[i]) append(bytes, c);
        append(bytes, 0.5);
        append<uint64_t>(bytes, uint64_t(i)), bytes.append(size_t(i) * 8, '\x22');
    }
    return bytes;
}

// A camera 4 away from the origin on the axis x, upright in a world with z up, and one on -y.
inline std::string transforms_text(const std::string& lens = R"("camera_angle_x": 0.6)") {
    return "{" + lens + R"(, "frames": [
        {"file_path": "./images/b", "transform_matrix":
         [[0, 0, 1, 4], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]},
        {"file_path": "images/a.png", "transform_matrix":
         [[1, 0, 0, 0], [0, 0, -1, -4], [0, 1, 0, 0], [0, 0, 0, 1]]}]})";
}

inline std::string picture(int width, int height, int channels = 3) {
    Image image{width, height, channels, {}};
    for (int i = 0; i < width * height * channels; i++)
        image.pixels.push_back(uint8_t(i * 7 % 251));
    const auto png = encode_png(image);
    return std::string(reinterpret_cast<const char*>(png.data()), png.size());
}

}   // namespace kiln::test
