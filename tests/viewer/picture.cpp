// The viewer in headless Chromium, where there is one: the picture it shows beside our own of the
// same splats from the same place, and what it says of files that it cannot show.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <sys/wait.h>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/raster/rasteriser.h"
#include "modalities/splat/viewer/page.h"
#include "runtime/io/file.h"
#include "runtime/io/image.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

constexpr int kSize = 192;
constexpr float kEye[3] = {1.5f, 1.0f, 2.5f}, kFov = 40, kBackground = 0x40 / 255.0f;
constexpr const char *kPlain = "#plain=1&background=404040",
                     *kWishes = "#plain=1&eye=1.5,1,2.5&target=0,0,0&fov=40&background=404040";

struct Folder {
    fs::path path;
    Folder() {
        std::string pattern = (fs::temp_directory_path() / "kiln-viewer-XXXXXX").string();
        path = mkdtemp(pattern.data());
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    std::string write(const std::string& name, std::span<const std::byte> bytes) const {
        take(write_file((path / name).string(), bytes));
        return (path / name).string();
    }
    std::string write(const std::string& name, const std::string& text) const {
        return write(name, as_bytes(text));
    }
    std::string picture(size_t number) const {
        return (path / (std::to_string(number) + ".png")).string();
    }
};

// What tools/viewer/shoot.py prints; its pictures are 0.png, 1.png and so on. SKIPs without
// Chromium.
nlohmann::json shoot(const Folder& folder, const std::string& page,
                     const std::vector<std::string>& drops, const char* wishes = kWishes) {
    const std::string at = folder.path.string();
    std::string command = "python3 " KILN_SOURCE_DIR "/tools/viewer/shoot.py '" + page + wishes +
                          "' '" + at + "/{}.png' --size " + std::to_string(kSize) + "x" +
                          std::to_string(kSize);
    for (const std::string& path : drops) command += " --drop '" + path + "'";
    const int status = std::system((command + " > " + at + "/told 2> " + at + "/log").c_str());
    const auto text = [&](const char* name) { return take(read_file(at + "/" + name, 1 << 20)); };
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 3 || WEXITSTATUS(status) == 127))
        SKIP("there is no Chromium or no Python");
    INFO(text("log"));
    REQUIRE(status == 0);
    return nlohmann::json::parse(text("told"));
}

// A ball of splats, none of which covers half the picture.
Splats ball(size_t n, int degree) {
    std::mt19937 engine(7);
    const auto between = [&](float low, float high) {
        return low + (high - low) * float(engine() >> 8) / float(1 << 24);
    };
    Splats s = make_splats(n, degree);
    for (float& v : s.means) v = between(-0.6f, 0.6f);
    for (float& v : s.log_scales) v = between(-6.5f, -2.2f);
    for (float& v : s.quaternions) v = between(-1, 1);
    for (float& v : s.logits) v = between(-2, 4);
    const size_t k = size_t(sh_count(degree)) * 3;
    for (size_t i = 0; i < s.sh.size(); i++)
        s.sh[i] = i % k < 3 ? between(-0.8f, 0.8f) : between(-0.1f, 0.1f);
    return s;
}

// A red square of two triangles across the view, as .glb.
std::string square() {
    const float corners[] = {-1, -1, 0, 1, -1, 0, 1, 1, 0, -1, 1, 0};
    const uint16_t indices[] = {0, 1, 2, 0, 2, 3};
    std::string json = R"({"asset":{"version":"2.0"},"scene":0,"scenes":[{"nodes":[0]}],
"nodes":[{"mesh":0}],"materials":[{"doubleSided":true,
"pbrMetallicRoughness":{"baseColorFactor":[1,0,0,1],"metallicFactor":0}}],
"meshes":[{"primitives":[{"attributes":{"POSITION":0},"indices":1,"material":0}]}],
"buffers":[{"byteLength":60}],"bufferViews":[{"buffer":0,"byteLength":48},
{"buffer":0,"byteOffset":48,"byteLength":12}],"accessors":[
{"bufferView":0,"componentType":5126,"count":4,"type":"VEC3","min":[-1,-1,0],"max":[1,1,0]},
{"bufferView":1,"componentType":5123,"count":6,"type":"SCALAR"}]})";
    json.resize((json.size() + 3) / 4 * 4, ' ');
    const auto word = [](size_t n) {
        const uint32_t v = uint32_t(n);
        return std::string(reinterpret_cast<const char*>(&v), 4);
    };
    std::string binary(60, '\0');
    std::memcpy(binary.data(), corners, 48), std::memcpy(binary.data() + 48, indices, 12);
    return "glTF" + word(2) + word(28 + json.size() + binary.size()) + word(json.size()) + "JSON" +
           json + word(binary.size()) + std::string("BIN\0", 4) + binary;
}

// A .glb whose only node also turns, moves and scales.
std::vector<std::byte> placed(const std::vector<std::byte>& glb) {
    uint32_t length;
    std::memcpy(&length, glb.data() + 12, 4);
    std::string json(as_text(glb).substr(20, length));
    const size_t at = json.find("{\"mesh\":0}");
    REQUIRE(at != json.npos);
    json.insert(at + 1,
                "\"rotation\":[0.2,0.4,0.4,0.8],\"translation\":[0.1,-0.2,0.1],"
                "\"scale\":[1.25,1.25,1.25],");
    json.resize((json.size() + 3) / 4 * 4, ' ');
    std::string whole(as_text(glb).substr(0, 20));
    whole.append(json).append(as_text(glb).substr(20 + length));
    const uint32_t sizes[] = {uint32_t(whole.size()), uint32_t(json.size())};
    std::memcpy(whole.data() + 8, sizes, 8);
    const auto bytes = as_bytes(whole);
    return {bytes.begin(), bytes.end()};
}

// Looks from kEye at the origin.
Camera camera() {
    const float distance = std::hypot(kEye[0], kEye[1], kEye[2]),
                flat = std::hypot(kEye[0], kEye[2]);
    const float f[3] = {-kEye[0] / distance, -kEye[1] / distance, -kEye[2] / distance};
    const float r[3] = {kEye[2] / flat, 0, -kEye[0] / flat};
    const float d[3] = {f[1] * r[2] - f[2] * r[1], f[2] * r[0] - f[0] * r[2],
                        f[0] * r[1] - f[1] * r[0]};
    Camera c;
    c.rotation = {r[0], r[1], r[2], d[0], d[1], d[2], f[0], f[1], f[2]};
    c.translation = {0, 0, distance};
    c.fx = c.fy = kSize / 2 / std::tan(kFov / 360 * 3.14159265f);
    c.cx = c.cy = kSize / 2;
    return c;
}

std::vector<float> drawn(const Splats& splats) {
    Rasteriser rasteriser =
        take(Rasteriser::create(test_device(), {.width = kSize,
                                                .height = kSize,
                                                .splats = uint32_t(splats.size()),
                                                .sh_degree = splats.sh_degree,
                                                .antialiased = splats.antialiased}));
    take(rasteriser.write(splats));
    take(rasteriser.draw(
        {.camera = camera(), .background = {kBackground, kBackground, kBackground}}));
    return take(rasteriser.read_image());
}

// Files for the empty page, and what it says of each.
struct Case {
    std::string path, error, count = "2 triangles";
};
void check_cases(const Folder& folder, std::span<const Case> cases) {
    std::vector<std::string> drops;
    for (const Case& c : cases) drops.push_back(c.path);
    const auto told = shoot(folder, KILN_SOURCE_DIR "/modalities/splat/viewer/viewer.html", drops);
    INFO(told.dump(1));
    CHECK(told["complaints"].empty());
    CHECK(told["asked"].empty());
    CHECK(told["shown"][0]["state"] == "empty");
    for (size_t i = 0; i < cases.size(); i++) {
        const auto& shown = told["shown"][i + 1];
        CHECK_THAT(shown["error"].get<std::string>(), StartsWith(cases[i].error));
        CHECK(shown["error"].get<std::string>().empty() == cases[i].error.empty());
        CHECK(shown["state"] == (cases[i].error.empty() ? "ready" : "error"));
        if (cases[i].error.empty()) CHECK(shown["count"] == cases[i].count);
    }
}

std::array<int, 3> middle_of(const std::string& path) {
    const Image picture = take(read_image(path));
    const auto* pixel = &picture.pixels[size_t(kSize / 2 * kSize + kSize / 2) * 3];
    return {pixel[0], pixel[1], pixel[2]};
}

// Decibels between a picture of ours and a screenshot, of values from 0 to 1.
double psnr(const std::vector<float>& ours, const std::string& path) {
    const Image theirs = take(read_image(path));
    REQUIRE(theirs.width == kSize);
    REQUIRE(theirs.height == kSize);
    double sum = 0;
    for (size_t p = 0; p < size_t(kSize * kSize); p++)
        for (size_t c = 0; c < 3; c++) {
            const double v = std::clamp(ours[p * kChannels + c], 0.0f, 1.0f);
            sum += std::pow(v - theirs.pixels[p * 3 + c] / 255.0, 2);
        }
    return -10 * std::log10(sum / (kSize * kSize * 3));
}

}   // namespace

TEST_CASE("the viewer shows what the rasteriser draws, from every format", "[gpu]") {
    const Folder folder;
    Splats mip = ball(400, 3), sharp = mip;   // made for one low-pass filter and for the other
    mip.antialiased = true;
    struct File {
        const char* name;
        std::vector<std::byte> bytes;
        double least;   // decibels
    };
    const auto file = [](const char* name, const Splats& s, SplatFormat format, double least) {
        return File{name, take(encode_splats(s, format)), least};
    };
    const auto glb = take(encode_splats(sharp, SplatFormat::glb));
    // The viewer keeps harmonics in 8 bits or fewer. Drawn without them, or as if made for the
    // other filter, these splats are 39 dB away at most.
    const File files[] = {
        file("a.ply", mip, SplatFormat::ply, 44),   file("b.spz", mip, SplatFormat::spz, 50),
        file("c.glb", sharp, SplatFormat::glb, 44), file("d.splat", sharp, SplatFormat::splat, 50),
        file("e.ply", sharp, SplatFormat::ply, 44), {"f.glb", placed(glb), 44}};
    std::vector<std::string> drops;
    for (const File& f : files) drops.push_back(folder.write(f.name, f.bytes));
    const std::string page = viewer_page(files[0].bytes, files[0].name);
    drops.erase(drops.begin());
    const auto told = shoot(folder, folder.write("page.html", page), drops);
    INFO(told.dump(1));
    CHECK(told["complaints"].empty());
    CHECK(told["asked"].empty());
    for (size_t i = 0; i < std::size(files); i++) {
        CHECK(told["shown"][i]["state"] == "ready");
        CHECK(told["shown"][i]["count"] == "400 splats");
        const Splats splats = take(decode_splats(files[i].bytes, files[i].name));
        CHECK(psnr(drawn(splats), folder.picture(i)) >= files[i].least);
    }
}

// A stick of 40 splats on a ball of 5000, as high again.
TEST_CASE("an object is all in view at first, thin parts too") {
    const Folder folder;
    Splats s = make_splats(5040, 0);
    for (float& v : s.log_scales) v = -4;
    for (float& v : s.logits) v = 5;
    for (size_t i = 0; i < s.size(); i++) {
        const float y = 1 - 2 * (float(i) + 0.5f) / 5000, r = std::sqrt(std::max(0.0f, 1 - y * y)),
                    a = 2.3999632f * float(i);
        float* m = &s.means[i * 3];
        m[0] = r * std::cos(a), m[1] = y, m[2] = r * std::sin(a);
        if (i >= 5000) m[0] = m[2] = 0, m[1] = 1 + 0.024f * float(i - 4999);
    }
    for (size_t i = 0; i < s.sh.size(); i++) s.sh[i] = i % 3 == 0 ? 2 : -2;   // red
    const auto spz = take(encode_splats(s, SplatFormat::spz));
    const auto told =
        shoot(folder, folder.write("page.html", viewer_page(spz, "a.spz")), {}, kPlain);
    INFO(told.dump(1));
    CHECK(told["shown"][0]["state"] == "ready");
    const Image picture = take(read_image(folder.picture(0)));
    int top = kSize, bottom = -1, left = kSize, right = -1;
    for (int y = 0; y < kSize; y++)
        for (int x = 0; x < kSize; x++)
            if (picture.pixels[size_t(y * kSize + x) * 3] > 100) {
                top = std::min(top, y), bottom = std::max(bottom, y);
                left = std::min(left, x), right = std::max(right, x);
            }
    CHECK(top > 2);
    CHECK(bottom < kSize - 3);
    CHECK(double(bottom - top) / (right - left) > 1.35);   // the stick is there
    CHECK(bottom - top > kSize * 3 / 4);
}

TEST_CASE("a hostile name is text in the page and nothing of it runs") {
    const Folder folder;
    const std::string name =
        "</script><script>document.title=1</script>\"'><img src=x "
        "onerror=\"document.title=2\">.spz";
    const auto spz = take(encode_splats(ball(1, 0), SplatFormat::spz));
    const auto told = shoot(folder, folder.write("page.html", viewer_page(spz, name)), {});
    INFO(told.dump(1));
    CHECK(told["complaints"].empty());
    CHECK(told["asked"].empty());
    CHECK(told["shown"][0]["name"] == name);
    CHECK(told["shown"][0]["count"] == "1 splat");
    CHECK(told["shown"][0]["title"] == name + " – Kiln");
}

TEST_CASE("the viewer shows meshes and says in words what it cannot show") {
    const Folder folder;
    const auto cut = [](const Splats& s, SplatFormat f) {
        auto bytes = take(encode_splats(s, f));
        bytes.resize(bytes.size() - 20);
        return bytes;
    };
    const Splats splats = ball(10, 1);
    const std::string mesh_ply =
        "ply\nformat ascii 1.0\nelement vertex 0\nproperty float x\nelement face 0\n"
        "property list uchar int vertex_indices\nend_header\n";
    std::string many = "ply\nformat binary_little_endian 1.0\nelement vertex 99999999999\n";
    for (const char* name : {"x", "y", "z", "opacity", "scale_0", "scale_1", "scale_2", "rot_0",
                             "rot_1", "rot_2", "rot_3", "f_dc_0", "f_dc_1", "f_dc_2"})
        many += std::string("property float ") + name + "\n";
    std::string nowhere = many;
    nowhere.replace(many.find("99999999999"), 11, "1") += "end_header\n";
    for (int i = 0; i < 14; i++) nowhere += std::string("\0\0\xc0\x7f", 4);   // NaN
    const Case cases[] = {
        {folder.write("square.glb", square()), ""},
        {folder.write("a.ply", cut(splats, SplatFormat::ply)), "a.ply: The .ply is cut short"},
        {folder.write("b.spz", cut(splats, SplatFormat::spz)), "b.spz: The .spz is damaged"},
        {folder.write("c.glb", cut(splats, SplatFormat::glb)), "c.glb: The .glb is damaged"},
        {folder.write("d.splat", cut(splats, SplatFormat::splat)), "d.splat: The .splat is cut"},
        {folder.write("e.ply", mesh_ply), "e.ply: This .ply holds a mesh"},
        {folder.write("f.ply", many + "end_header\n"), "f.ply: The .ply is cut"},
        {folder.write("g.txt", std::string("words")), "g.txt: This is none of the files"},
        {folder.write("h.ply", std::string()), "h.ply: The file is empty."},
        {folder.write("h.spz", std::string("NGSP\4\0\0\0", 8)), "h.spz: .spz of version 4"},
        {folder.write("i.ply", nowhere), "", "1 splat"},
        {folder.write("j.glb", square()), ""}};
    check_cases(folder, cases);
    const auto red = middle_of(folder.picture(1));   // lit or not, before grey
    CHECK(red[0] > 200);
    CHECK(red[1] < 40);
}

TEST_CASE("the viewer shows an .obj, with its picture where that is given") {
    const Folder folder;
    const std::string text =
        "mtllib b.mtl\nv -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nvt 0 0\nf 1/1 2/1 3/1\n"
        "f 1/1 3/1 4/1\n";
    const Case cases[] = {
        {folder.write("a.obj", text), ""},
        {folder.write("b.png", encode_png({1, 1, 3, {0, 0, 255}})) + "' '" +
             folder.write("b.mtl", std::string("newmtl a\nmap_Kd b.png\n")) + "' '" +
             folder.write("b.obj", text),
         ""},
        {folder.write("c.obj", text + "f 1 2 9\n"), "c.obj: The .obj is damaged"},
        {folder.write("d.obj", std::string("v 0 0 0\n")), "d.obj: The .obj holds no faces"}};
    check_cases(folder, cases);
    const auto grey = middle_of(folder.picture(1)), blue = middle_of(folder.picture(2));
    CHECK(grey[0] > 100);
    CHECK(grey[0] == grey[2]);
    CHECK(blue[2] > 200);
    CHECK(blue[0] < 40);
}
