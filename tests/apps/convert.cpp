// kiln convert, end to end: splats in one format in, in another out.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "runtime/io/file.h"
#include "runtime/io/image.h"
#include "tests/apps/command.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Place : Workplace {
    Place() {
        plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
        std::string text = "ply\nformat ascii 1.0\nelement vertex 2\n";
        for (const char* name : {"x", "y", "z", "opacity", "scale_0", "scale_1", "scale_2", "rot_0",
                                 "rot_1", "rot_2", "rot_3", "f_dc_0", "f_dc_1", "f_dc_2"})
            text += std::string("property float ") + name + "\n";
        for (int i = 0; i < 9; i++) text += "property float f_rest_" + std::to_string(i) + "\n";
        text += "end_header\n";
        for (const char* x : {"1", "-1"})
            text += std::string(x) + " 2 3 0 -3 -3 -3 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
        write("in.ply", text);
    }
    Finished convert(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), "convert");
        return run(arguments);
    }
};

}   // namespace

TEST_CASE("splats pass through every format and come back") {
    Place w;
    std::string last = "in.ply";
    for (const char* name : {"a.spz", "a.glb", "a.ply", "a.splat", "b.ply"}) {
        const Finished f = w.convert({last, "-o", name});
        INFO(f.err);
        CHECK(f.status == 0);
        CHECK(f.out == std::string(name) + "\n");
        CHECK_THAT(f.err, ContainsSubstring(last == "a.splat" ? "2 splats of degree 0"
                                                              : "2 splats of degree 1"));
        if (std::string(name) == "a.splat")
            CHECK_THAT(f.err, ContainsSubstring("no longer change with the view"));
        last = name;
    }
    CHECK(contents(w.path("a.spz")).starts_with("\x1f\x8b"));
    CHECK(contents(w.path("a.glb")).starts_with("glTF"));
    CHECK(contents(w.path("a.splat")).size() == 64);
    const std::string ply = contents(w.path("b.ply"));
    CHECK(ply.size() > 2 * 68);
    float mean[3];
    std::memcpy(mean, ply.data() + ply.find("end_header\n") + 11, sizeof mean);
    CHECK(mean[0] == 1);
    CHECK(mean[1] == 2);
    CHECK(mean[2] == 3);
}

TEST_CASE("axes, degree and version of the result are as asked for") {
    Place w;
    const Finished f = w.convert({"in.ply", "-o", "out.ply", "--degree", "0", "--axes", "RUB"});
    INFO(f.err);
    CHECK(f.status == 0);
    const std::string ply = contents(w.path("out.ply"));
    CHECK(ply.find("f_rest") == std::string::npos);
    float mean[3];
    std::memcpy(mean, ply.data() + ply.find("end_header\n") + 11, sizeof mean);
    CHECK(mean[1] == -2);
    CHECK(mean[2] == -3);
    CHECK(w.convert({"out.ply", "-o", "two.spz", "--spz-version", "2"}).status == 0);
    CHECK(w.convert({"in.ply"}).status == 0);
    CHECK(w.files().size() == 4);
}

TEST_CASE("a mesh comes as one .glb, or as an .obj whose parts name each other") {
    Place w;
    std::string text = contents(w.path("in.ply"));
    for (size_t at = 0; (at = text.find(" 3 0 -3 -3 -3", at)) != text.npos; at++)
        text.replace(at, 13, " 3 4 -1 -1 -1");   // opaque, and large enough to see
    w.write("in.ply", text);
    const std::vector<std::string> small = {"--grid", "24", "--faces", "300", "--texture", "64"};
    const auto mesh = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), small.begin(), small.end());
        return w.convert(arguments);
    };
    const Finished glb = mesh({"in.ply", "--mesh", "-o", "a.glb"});
    INFO(glb.err);
    CHECK(glb.status == 0);
    CHECK_THAT(contents(w.path("a.glb")), ContainsSubstring("baseColorTexture"));
    CHECK_THAT(glb.err, ContainsSubstring("triangles"));
    const Finished obj = mesh({"in.ply", "-o", "my thing.obj"});
    CHECK(obj.status == 0);
    CHECK(obj.out == "my thing.obj\nmy thing.mtl\nmy thing.png\n");
    CHECK_THAT(contents(w.path("my thing.obj")), ContainsSubstring("mtllib my thing.mtl\n"));
    CHECK_THAT(contents(w.path("my thing.mtl")), ContainsSubstring("map_Kd my thing.png\n"));
    CHECK(take(read_image(w.path("my thing.png").string())).width == 64);
    CHECK(mesh({"in.ply", "--mesh", "-o", "a.html"}).status == 0);
    for (const char* name : {"a.glb", "my thing.obj"}) {
        const Finished told = w.run({"inspect", name});
        CHECK_THAT(told.out, ContainsSubstring("a mesh of ") && ContainsSubstring(", closed, ") &&
                                 ContainsSubstring("a texture of 64 x 64"));
    }
    const Finished told = w.run({"inspect", "a.glb", "--json"});
    CHECK_THAT(told.out, ContainsSubstring("\"texture\":[64,64]"));
    const auto refused = [&](std::vector<std::string> arguments, const char* words) {
        const Finished f = mesh(arguments);
        CHECK(f.status == 2);
        CHECK_THAT(f.err, ContainsSubstring(words));
    };
    refused({"in.ply", "--mesh", "-o", "a.spz"}, "--mesh makes a .glb, an .obj or a .html");
    refused({"in.ply", "-o", "a.mtl"}, "ask for its .obj");
    refused({"in.ply", "-o", "a.obj", "--axes", "RDF"}, "meshes have y up");
    refused({"in.ply", "-o", "a.obj", "--threshold", "9"}, "no place is as dense as 9");
    for (const char* name : {"a.glb", "my thing.obj"}) {   // no splats any more
        const Finished f = mesh({name, "-o", "b.ply"});
        CHECK(f.status == 3);
        CHECK_THAT(f.err, ContainsSubstring("a mesh"));
    }
    CHECK(w.files().size() == 6);
}

TEST_CASE("kiln inspect says what a file of splats holds") {
    Place w;
    const Finished f = w.run({"inspect", "in.ply"});
    INFO(f.err);
    CHECK(f.status == 0);
    CHECK_THAT(f.out, ContainsSubstring("in.ply\n  2 splats of degree 1, 2 x 0 x 0 m, scales from "
                                        "0.0498 over 0.0498 to 0.0498 m, opacities from 0.5"));
    w.convert({"in.ply", "-o", "a.glb"});
    const Finished json = w.run({"inspect", "a.glb", "--json"});
    CHECK_THAT(json.out, ContainsSubstring("\"splats\":2"));
    CHECK_THAT(json.out, ContainsSubstring("\"low\":[-1.0,-2.0,-3.0]"));
    w.write("cut.ply", contents(w.path("in.ply")).substr(0, 600));
    const Finished cut = w.run({"inspect", "cut.ply"});
    CHECK(cut.status == 3);
    CHECK_THAT(cut.err, ContainsSubstring("claims 2 splats"));
    w.write("text.txt", "nothing at all");
    CHECK(w.run({"inspect", "text.txt"}).status == 3);
}

TEST_CASE("a .png is a contact sheet that says what it was made of") {
    Place w;
    const Finished f = w.convert(
        {"in.ply", "-o", "a.png", "--views", "6", "--size", "32", "--background", "grey"});
    if (f.status == 4) SKIP(f.err);
    INFO(f.err);
    REQUIRE(f.status == 0);
    const Image sheet = take(read_image(w.path("a.png").string()));
    CHECK(sheet.width == 3 * 32);
    CHECK(sheet.height == 2 * 32);
    CHECK(sheet.pixels[0] == 128);
    CHECK_THAT(contents(w.path("a.png")), ContainsSubstring("\"views\":6"));
    const Finished wide = w.convert({"in.ply", "-o", "b.png", "--views", "360", "--size", "4000"});
    CHECK(wide.status == 2);
    CHECK_THAT(wide.err, ContainsSubstring("at most 67108864 pixels"));
}

TEST_CASE("splats become a page that holds them") {
    Place w;
    const Finished f = w.convert({"in.ply", "-o", "a \"page\".html"});
    INFO(f.err);
    REQUIRE(f.status == 0);
    CHECK(w.convert({"in.ply", "-o", "a.spz"}).status == 0);
    const std::string page = contents(w.path("a \"page\".html"));
    CHECK(page.starts_with("<!doctype html>"));
    // A .spz begins as gzip does, and no byte of it is left out.
    const size_t at = page.find("data-name=\"in.spz\">H4sI"), begin = page.find('>', at) + 1;
    REQUIRE(at != page.npos);
    CHECK(page.find('<', begin) - begin == (contents(w.path("a.spz")).size() + 2) / 3 * 4);
}

TEST_CASE("files that hold no splats are refused and leave nothing behind") {
    Place w;
    w.write("text.txt", "no splats at all");
    w.write("cut.ply", contents(w.path("in.ply")).substr(0, 600));
    const auto refused = [&](std::vector<std::string> arguments, int status, const char* words) {
        const Finished f = w.convert(arguments);
        CHECK(f.status == status);
        CHECK_THAT(f.err, ContainsSubstring(words));
    };
    refused({"text.txt", "-o", "x.ply"}, 3, "expected splats");
    refused({"cut.ply", "-o", "x.ply"}, 3, "claims 2 splats");
    refused({"gone.ply", "-o", "x.ply"}, 3, "gone.ply");
    refused({"in.ply", "-o", "x.fbx"}, 2, ".fbx");
    refused({"in.ply", "-o", "x.ply", "--axes", "UVW"}, 2, "--axes");
    for (const char* name : {"x.html", "x.png"})
        refused({"in.ply", "-o", name, "--axes", "RDF"}, 2, "--axes is of files of splats");
    w.write("empty.splat", "");
    refused({"empty.splat", "-o", "x.ply"}, 3, "an empty file");
    std::string none = contents(w.path("in.ply"));
    none[none.find("vertex 2") + 7] = '0';
    w.write("none.ply", none);
    for (const char* name : {"x.splat", "x.glb", "x.obj", "x.html", "x.png"}) {
        const Finished f = w.convert({"none.ply", "-o", name});
        CHECK((f.status == 2 || f.status == 4));   // 4: of a sheet, where there is no device
    }
    CHECK(fs::create_directory(w.path("folder.ply")));
    refused({"folder.ply", "-o", "x.ply"}, 3, "found a folder");
    refused({"in.ply", "-o", "nowhere/x.ply"}, 3, "no such folder");
    refused({"in.ply", "-o", "/proc/x.ply"}, 3, "cannot be written");
    refused({}, 2, "INPUT");
    CHECK(w.files().size() == 6);
}
