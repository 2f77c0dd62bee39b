#include <catch2/catch_approx.hpp>
#include <cmath>

#include "modalities/splat/posed/colmap.h"
#include "modalities/splat/posed/transforms.h"
#include "tests/posed/files.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Approx;

namespace {

Result<PosedSet> colmap(const std::string& cameras, const std::string& images,
                        const std::string& points, bool binary) {
    return parse_colmap({as_bytes(cameras), as_bytes(images), as_bytes(points), binary, true, "m"});
}
Result<PosedSet> transforms(const std::string& text) {
    PosedSet set;
    const auto read = parse_transforms(text, "t.json", false, set);
    if (!read) return read.error();
    return set;
}

void fill(const TemporaryFolder& folder, const std::string& at) {
    for (const char* name : {"view 0.png", "view 1.png", "view 2.png"})
        folder.with(at + name, picture(20, 16));
}

}   // namespace

TEST_CASE("COLMAP's text and binary models say the same") {
    const PosedSet text = take(colmap(cameras_text(), images_text(), points_text(), false));
    const PosedSet bytes = take(colmap(cameras_bytes(), images_bytes(), points_bytes(), true));
    REQUIRE(text.pictures.size() == 3);
    REQUIRE(bytes.pictures.size() == 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK(text.pictures[i].name == "view " + std::to_string(2 - i) + ".png");
        CHECK(text.pictures[i].name == bytes.pictures[i].name);
        CHECK(text.pictures[i].rotation == bytes.pictures[i].rotation);
        CHECK(text.pictures[i].translation == bytes.pictures[i].translation);
        CHECK(text.pictures[i].lens.fy == 31);
        CHECK(bytes.pictures[i].lens.fy == 31);
    }
    CHECK(text.points.positions == std::vector<float>{0.5f, -0.25f, 2, 1, 1, -1});
    CHECK(text.points.colours == std::vector<uint8_t>{10, 20, 30, 255, 0, 7});
    CHECK(text.points.positions == bytes.points.positions);
    CHECK(text.points.colours == bytes.points.colours);
    // A quarter turn about y takes the camera's z to the world's x.
    const auto& quarter = text.pictures[1].rotation;
    CHECK(quarter[6] == Approx(1));
    CHECK(quarter[2] == Approx(-1));
    CHECK(text.pictures[0].position()[2] == -4);
}

TEST_CASE("every camera model of COLMAP is read, or refused with what to run") {
    const auto lens = [](int model, std::vector<double> p) {
        return take(
                   colmap(cameras_bytes(model, std::move(p)), images_bytes(), points_bytes(), true))
            .pictures[0]
            .lens;
    };
    CHECK(lens(0, {25, 10, 8}).fy == 25);
    CHECK(lens(2, {25, 10, 8, 0.1}).k1 == 0.1);
    CHECK(lens(3, {25, 10, 8, 0.1, 0.2}).k2 == 0.2);
    const Lens whole = lens(4, {25, 26, 10, 8, 0.1, 0.2, 0.3, 0.4});
    CHECK(whole.p1 == 0.3);
    CHECK(whole.p2 == 0.4);
    CHECK(whole.cy == 8);
    for (const int model : {5, 6, 7, 8, 9, 10, 11}) {
        const std::vector<double> p(std::vector<size_t>{8, 12, 5, 4, 5, 12, 16}[size_t(model - 5)],
                                    1);
        fails_with(colmap(cameras_bytes(model, p), images_bytes(), points_bytes(), true),
                   "colmap image_undistorter");
    }
    fails_with(colmap(cameras_bytes(99), images_bytes(), points_bytes(), true),
               "m/cameras.bin: camera 7: camera model 99 is not known");
    fails_with(colmap(cameras_text("ODD 20 16 1"), images_text(), points_text(), false), "\"ODD\"");
}

TEST_CASE("a binary model that ends anywhere but at its end is refused") {
    const std::string files[] = {cameras_bytes(), images_bytes(), points_bytes()};
    for (size_t which = 0; which < 3; which++)
        for (size_t length = 0; length < files[which].size(); length++) {
            std::string cut[] = {files[0], files[1], files[2]};
            cut[which].resize(length);
            const auto set = colmap(cut[0], cut[1], cut[2], true);
            REQUIRE(!set);
            CHECK(set.error().status == Status::bad_file);
        }
    for (size_t which = 0; which < 3; which++) {   // a count that lies
        std::string lie[] = {files[0], files[1], files[2]};
        for (const uint64_t count : {uint64_t(1) << 62, uint64_t(4)}) {
            std::memcpy(lie[which].data(), &count, 8);
            fails_with(colmap(lie[0], lie[1], lie[2], true), "claims");
        }
    }
    fails_with(colmap(files[0] + "x", files[1], files[2], true), "1 bytes follow");
}

TEST_CASE("COLMAP's values that cannot be are refused by name") {
    const auto with = [](std::string text, const std::string& what, const std::string& instead) {
        REQUIRE(text.find(what) != std::string::npos);
        return text.replace(text.find(what), what.size(), instead);
    };
    const std::string c = cameras_text(), i = images_text(), p = points_text();
    fails_with(colmap(with(c, "30 31", "nan 31"), i, p, false), "focal length");
    fails_with(colmap(with(c, "30 31", "30 -1"), i, p, false), "focal length");
    fails_with(colmap(with(c, "20 16", "0 16"), i, p, false), "0 x 16");
    fails_with(colmap(with(c, "20 16", "20.5 16"), i, p, false), "m/cameras.txt: line 2");
    fails_with(colmap(c + "7 PINHOLE 20 16 30 31 10 8\n", i, p, false), "twice");
    fails_with(colmap(with(c, "10 8", "10"), i, p, false), "line 2 ends early");
    fails_with(colmap("", i, p, false), "there is no camera");
    fails_with(colmap(c, with(i, " 7 view 1", " 8 view 1"), p, false), "there is no camera 8");
    fails_with(colmap(c, with(i, "0.250000", "inf"), p, false), "view 1.png");
    fails_with(colmap(c, with(i, "2.000000", "0.000000"), p, false), "its rotation is none");
    fails_with(colmap(c, with(i, "2.000000", "1e999"), p, false), "its rotation is none");
    fails_with(colmap(c, i, with(p, "-0.25", "nan"), false), "m/points3D.txt: a point");
    fails_with(colmap(c, i, with(p, "255", "256"), false), "line 2 \"256\"");
}

TEST_CASE("transforms.json looks where OpenGL's cameras do") {
    const PosedSet set = take(transforms(transforms_text()));
    REQUIRE(set.pictures.size() == 2);
    const PosedPicture& p = set.pictures[0];
    CHECK(p.lens.angle_x == 0.6);
    CHECK(p.position() == std::array<double, 3>{4, 0, 0});
    // x right is the world's y, y down is -z, and it looks along -x.
    CHECK(p.rotation == std::array<double, 9>{0, 1, 0, 0, 0, -1, -1, 0, 0});
    CHECK(set.z_up);
    const Lens lens =
        take(transforms(transforms_text(
                 R"("w": 20, "h": 16.0, "fl_x": 25, "cx": 9, "k1": 0.1, "p2": -0.2)")))
            .pictures[1]
            .lens;
    CHECK(lens.fy == 25);
    CHECK(lens.cx == 9);
    CHECK(lens.cy == 8);
    CHECK(lens.k1 == 0.1);
    CHECK(lens.p2 == -0.2);
}

TEST_CASE("transforms.json with what cannot be is refused by name") {
    fails_with(transforms("{"), "t.json");
    fails_with(transforms("[]"), "t.json");
    fails_with(transforms(R"({"camera_angle_x": 1})"), "frames: expected a list");
    fails_with(transforms(transforms_text(R"("w": 20)")), "camera_angle_x: is not there");
    fails_with(transforms(transforms_text(R"("fl_x": 25)")), "w and h");
    fails_with(transforms(transforms_text(R"("camera_angle_x": 7)")), "angle of view");
    fails_with(transforms(transforms_text(R"("camera_angle_x": "wide")")), "camera_angle_x");
    fails_with(
        transforms(transforms_text(R"("camera_angle_x": 1, "camera_model": "EQUIRECTANGULAR")")),
        "EQUIRECTANGULAR is not read");
    fails_with(transforms(transforms_text(R"("camera_angle_x": 1, "k3": 0.1)")), "with k3");
    const auto matrix = [](const std::string& rows) {
        return transforms(R"({"camera_angle_x": 1, "frames": [{"file_path": "a", )" + rows + "}]}");
    };
    fails_with(matrix(R"("x": 0)"), "frames[0]: transform_matrix: expected 4 rows");
    fails_with(matrix(R"("transform_matrix": [[1,0,0,0],[0,1,0,0],[0,0,1]])"), "4 rows");
    fails_with(matrix(R"("transform_matrix": [[1,0,0,0],[0,1,0,0],[0,0,"1",0]])"), "4 rows");
    fails_with(matrix(R"("transform_matrix": [[0,0,0,0],[0,0,0,0],[0,0,0,0]])"), "no rotation");
    fails_with(matrix(R"("transform_matrix": [[-1,0,0,0],[0,1,0,0],[0,0,1,0]])"), "no rotation");
    fails_with(matrix(R"("transform_matrix": [[1,0.1,0,0],[0,1,0,0],[0,0,1,0]])"), "no rotation");
    fails_with(matrix(R"("transform_matrix": [[1,0,0,1e300],[0,1,0,0],[0,0,1,0]])"), "too far");
}

TEST_CASE("the layouts of folders that programs leave are found") {
    SECTION("COLMAP") {
        for (const std::string at : {"sparse/0/", "sparse/", "", "colmap/sparse/0/"}) {
            TemporaryFolder folder;
            folder.with(at + "cameras.bin", cameras_bytes());
            folder.with(at + "images.bin", images_bytes());
            folder.with(at + "points3D.bin", points_bytes());
            fill(folder, at.empty() ? "" : "images/");
            const PosedSet set = take(read_posed(folder.path.string()));
            CHECK(set.points.size() == 2);
            REQUIRE(set.pictures.size() == 3);
            CHECK(set.pictures[0].name == "view 0.png");   // by name, not as the file has them
            CHECK(set.pictures[0].translation[2] == 5);
        }
    }
    SECTION("NeRF") {
        TemporaryFolder folder;
        folder.with("transforms_train.json", transforms_text());
        folder.with("images/a.png", picture(20, 16));
        folder.with("images/b.png", picture(20, 16));
        folder.with("c.png", picture(20, 16));
        folder.with("transforms_test.json", R"({"camera_angle_x": 1, "frames": [{"file_path":
            "c", "transform_matrix": [[1,0,0,0],[0,1,0,0],[0,0,1,0]]}]})");
        const PosedSet set = take(read_posed(folder.path.string()));
        REQUIRE(set.pictures.size() == 3);
        CHECK(set.pictures[0].path.ends_with("images/b.png"));
        CHECK(set.pictures[1].name == "c");
        CHECK(set.pictures[1].held_out);
        CHECK_FALSE(set.pictures[2].held_out);
        CHECK(take(read_posed(folder / "transforms_train.json")).pictures.size() == 3);
    }
}

TEST_CASE("folders without cameras, without pictures or with one are refused") {
    TemporaryFolder folder;
    fails_with(read_posed(folder / "gone"), "there is no such folder");
    folder.with("a.png", picture(20, 16));
    fails_with(read_posed(folder.path.string()), "no cameras in this folder");
    folder.with("sparse/0/cameras.txt", cameras_text());
    fails_with(read_posed(folder.path.string()), "images.txt");
    folder.with("sparse/0/images.txt", images_text());
    fails_with(read_posed(folder.path.string()), "nor are 2 more of the 3");
    fill(folder, "images/");
    CHECK(take(read_posed(folder.path.string())).points.size() == 0);
    const std::string one = images_text();
    folder.with("sparse/0/images.txt", one.substr(0, one.find("\n2 ") + 1));
    fails_with(read_posed(folder.path.string()), "has 1 picture with a camera");
    folder.with("sparse/0/images.txt", "");
    fails_with(read_posed(folder.path.string()), "has 0 pictures");
}
