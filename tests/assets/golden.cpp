// Files that other programs wrote (tools/splats/check.mjs --golden), against what they were made
// of.
#include <catch2/catch_test_macros.hpp>

#include "modalities/splat/assets/asset.h"
#include "tests/assets/clouds.h"

using namespace kiln;
using namespace kiln::test;

namespace {

Splats golden(const std::string& name, const SplatReadOptions& options = {}) {
    return take(read_splats(KILN_GOLDEN_DIR "/assets/" + name, options));
}

}   // namespace

TEST_CASE("files of other writers are read as what they were made of") {
    for (const char* degree : {"0", "3"}) {
        INFO("degree " << degree);
        const Splats made = golden("degree" + std::string(degree) + ".ply");
        CHECK(made.size() == 12);
        CHECK(made.sh_degree == degree[0] - '0');
        const Splats ply = golden("splat_transform" + std::string(degree) + ".ply");
        CHECK(ply.means == made.means);
        CHECK(ply.quaternions == made.quaternions);
        CHECK(ply.sh == made.sh);
        // The spz library turns axes as Kiln does; spz-js does not, and keeps version 2.
        const Distance three = distance(made, golden("spz_library" + std::string(degree) + ".spz"));
        const Distance four = distance(made, golden("spz4_library" + std::string(degree) + ".spz"));
        const Distance two =
            distance(made, golden("spz_js" + std::string(degree) + ".spz", {.axes = kRdf}));
        for (const Distance& d : {four, three, two}) {
            CHECK(d.mean <= 0.5 / 4096 + 1e-6);
            CHECK(d.log_scale <= 0.5 / 16 + 1e-6);
            CHECK(d.opacity <= 0.5 / 255 + 1e-6);
            CHECK(d.dc <= 0.5 / 255 / 0.15 + 1e-6);
            CHECK(d.first <= 4.5 / 128 + 1e-6);
            CHECK(d.rest <= 8.5 / 128 + 1e-6);
        }
        CHECK(four.angle < 0.3);
        CHECK(three.angle < 0.3);
        CHECK(two.angle < 14);
    }
}

// PlayCanvas takes PLY for turned by half about z, and writes rotations that differ by half a turn
// of the ellipsoid about an axis of its own.
TEST_CASE("a glTF of another writer has the same ellipsoids and colours") {
    for (const char* degree : {"0", "3"}) {
        const Axes ldb = take(axes_named("LDB"));
        const Splats made = golden("degree" + std::string(degree) + ".ply", {.axes = ldb});
        const Splats glb = golden("splat_transform" + std::string(degree) + ".glb");
        const Distance d = distance(made, glb);
        CHECK(d.mean == 0);
        CHECK(d.log_scale < 2e-6);
        CHECK(d.opacity < 1e-6);
        CHECK(d.dc == 0);
        CHECK(d.first < 1e-6);
        CHECK(d.rest < 1e-6);
        for (size_t i = 0; i < made.size(); i++) {
            const Matrix3 a = covariance(made, i), b = covariance(glb, i);
            for (size_t j = 0; j < 9; j++)
                CHECK(std::abs(a[j] - b[j]) < 1e-5 * (a[0] + a[4] + a[8]));
        }
    }
}
