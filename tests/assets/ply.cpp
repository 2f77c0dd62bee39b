#include "modalities/splat/assets/ply.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "modalities/splat/assets/asset.h"
#include "tests/assets/clouds.h"
#include "tests/io/files.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const std::vector<std::string> kNames = {"x",      "y",       "z",       "f_dc_0",  "f_dc_1",
                                         "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2",
                                         "rot_0",  "rot_1",   "rot_2",   "rot_3"};

std::string header(const std::string& format, const std::string& count,
                   const std::vector<std::string>& names, const std::string& type = "float") {
    std::string text = "ply\nformat " + format + " 1.0\nelement vertex " + count + "\n";
    for (const std::string& name : names) text += "property " + type + " " + name + "\n";
    return text + "end_header\n";
}

template <class T>
std::string binary(const std::vector<double>& values, bool big) {
    std::string bytes;
    for (const double v : values) {
        const T value = T(v);
        char raw[sizeof(T)];
        std::memcpy(raw, &value, sizeof raw);
        if (big) std::reverse(std::begin(raw), std::end(raw));
        bytes.append(raw, sizeof raw);
    }
    return bytes;
}

// 0.5, 1, 1.5, ... of 14 properties and two splats.
std::vector<double> counted() {
    std::vector<double> values;
    for (int i = 1; i <= 28; i++) values.push_back(i * 0.5);
    return values;
}

Result<Splats> parse(const std::string& text, size_t max_splats = 100) {
    return parse_ply(as_bytes(text), "a.ply", max_splats);
}

void check_counted(const Splats& s) {
    CHECK(s.means == std::vector<float>{0.5, 1, 1.5, 7.5, 8, 8.5});
    CHECK(s.sh == std::vector<float>{2, 2.5, 3, 9, 9.5, 10});
    CHECK(s.logits == std::vector<float>{3.5, 10.5});
    CHECK(s.log_scales == std::vector<float>{4, 4.5, 5, 11, 11.5, 12});
    CHECK(s.quaternions == std::vector<float>{5.5, 6, 6.5, 7, 12.5, 13, 13.5, 14});
}

std::string ascii(const std::vector<double>& values, const char* between = " ") {
    std::string text;
    for (size_t i = 0; i < values.size(); i++)
        text += std::to_string(values[i]) + (i % 14 == 13 ? "\n" : between);
    return text;
}

}   // namespace

TEST_CASE("what is written has the properties and the order that viewers expect") {
    const Splats s = random_cloud(2, 1);
    const auto bytes = ply_bytes(s);
    std::string expected = "ply\nformat binary_little_endian 1.0\nelement vertex 2\n";
    for (const char* name :
         {"x",        "y",        "z",        "nx",       "ny",       "nz",       "f_dc_0",
          "f_dc_1",   "f_dc_2",   "f_rest_0", "f_rest_1", "f_rest_2", "f_rest_3", "f_rest_4",
          "f_rest_5", "f_rest_6", "f_rest_7", "f_rest_8", "opacity",  "scale_0",  "scale_1",
          "scale_2",  "rot_0",    "rot_1",    "rot_2",    "rot_3"})
        expected += std::string("property float ") + name + "\n";
    expected += "end_header\n";
    const std::string_view text = as_text(bytes);
    REQUIRE(text.starts_with(expected));
    REQUIRE(bytes.size() == expected.size() + 2 * 26 * 4);
    float row[26];
    std::memcpy(row, bytes.data() + expected.size() + 26 * 4, sizeof row);
    CHECK(row[0] == s.means[3]);
    CHECK(row[3] == 0);
    CHECK(row[6] == s.sh[12]);
    CHECK(row[9] == s.sh[12 + 3]);   // red of k = 1, 2, 3
    CHECK(row[10] == s.sh[12 + 6]);
    CHECK(row[12] == s.sh[12 + 4]);    // green
    CHECK(row[17] == s.sh[12 + 11]);   // blue of k = 3
    CHECK(row[18] == s.logits[1]);
    CHECK(row[19] == s.log_scales[3]);
    CHECK(row[22] == s.quaternions[4]);
    CHECK(as_text(ply_bytes(random_cloud(1, 3))).find("f_rest_44\nproperty float opacity") !=
          std::string_view::npos);
    CHECK(as_text(ply_bytes(random_cloud(1, 0))).find("f_rest") == std::string_view::npos);
}

TEST_CASE("every way to write a PLY is read") {
    const auto values = counted();
    check_counted(take(parse(header("ascii", "2", kNames) + ascii(values))));
    check_counted(take(parse(header("ascii", "2", kNames) + ascii(values, "\t \r\n"))));
    for (const bool big : {false, true}) {
        const std::string format = big ? "binary_big_endian" : "binary_little_endian";
        check_counted(take(parse(header(format, "2", kNames) + binary<float>(values, big))));
        check_counted(
            take(parse(header(format, "2", kNames, "double") + binary<double>(values, big))));
        check_counted(
            take(parse(header(format, "2", kNames, "float32") + binary<float>(values, big))));
    }
    for (const char* type : {"short", "ushort", "int", "uint", "int8", "uchar"}) {
        std::vector<double> whole = values;
        for (double& v : whole) v *= 2;
        const std::string name(type);
        const std::string data = name.ends_with("short") ? binary<uint16_t>(whole, false)
                                 : name.ends_with("int") ? binary<uint32_t>(whole, false)
                                                         : binary<uint8_t>(whole, false);
        const Splats s = take(parse(header("binary_little_endian", "2", kNames, name) + data));
        CHECK(s.means == std::vector<float>{1, 2, 3, 15, 16, 17});
    }
    std::string windows = header("ascii", "2", kNames) + ascii(values);
    for (size_t at = 0; (at = windows.find('\n', at)) != std::string::npos; at += 2)
        windows.replace(at, 1, "\r\n");
    check_counted(take(parse(windows)));
}

TEST_CASE("other properties, other orders and other elements are passed over") {
    std::vector<std::string> names = kNames;
    names.insert(names.begin() + 3, "confidence");
    std::reverse(names.begin(), names.end());
    std::vector<double> values;
    for (int s = 0; s < 2; s++)
        for (const std::string& name : names) {
            const auto at = std::find(kNames.begin(), kNames.end(), name) - kNames.begin();
            values.push_back(name == "confidence" ? 99 : (s * 14 + double(at) + 1) * 0.5);
        }
    std::string text = header("binary_little_endian", "2", names);
    text.insert(text.find("element"),
                "comment made by hand\nobj_info none\nelement before 3\n"
                "property uchar a\nproperty double b\n");
    text.insert(text.find("end_header"), "element face 7\nproperty list uchar int index\n");
    text += std::string(27, 'x') + binary<float>(values, false) + "whatever faces there are";
    check_counted(take(parse(text)));
    std::string lines = header("ascii", "2", kNames);
    lines.insert(lines.find("element"), "element before 2\nproperty list uchar int index\n");
    check_counted(take(parse(lines + "3 1 2 3\n1 5\n" + ascii(counted()))));
}

TEST_CASE("compensation is told by a comment") {
    for (const char* comment : {"SplatRenderMode: mip", "antialiased 1"}) {
        std::string text = header("ascii", "2", kNames) + ascii(counted());
        CHECK(!take(parse(text)).antialiased);
        text.insert(4, "comment " + std::string(comment) + "\n");
        CHECK(take(parse(text)).antialiased);
    }
}

TEST_CASE("what is no PLY of splats, cut short or a lie is refused") {
    const std::string good =
        header("binary_little_endian", "2", kNames) + binary<float>(counted(), false);
    REQUIRE(parse(good).ok());
    for (size_t length = 0; length < good.size(); length++)
        if (parse(good.substr(0, length)).ok()) FAIL("read " << length << " bytes");
    for (const std::string& name : kNames) {
        std::vector<std::string> names = kNames;
        names.erase(std::find(names.begin(), names.end(), name));
        fails_with(parse(header("ascii", "2", names) + ascii(counted())),
                   "the property " + name + " is missing");
    }
    const auto with = [](const std::string& count) {
        return parse(header("binary_little_endian", count, kNames) + std::string(112, '\0'));
    };
    CHECK(with("2").ok());
    CHECK(with("0").ok());
    fails_with(with("3"), "claims 3 splats");
    fails_with(with("101"), "at most 100 are read");
    fails_with(with("18446744073709551615"), "at most 100 are read");
    fails_with(with("18446744073709551616"), "line 3");
    fails_with(with("-1"), "line 3");
    fails_with(with(""), "line 3");
    fails_with(parse(header("ascii", "100", kNames) + ascii(counted())), "cut short");
    fails_with(parse(header("ascii", "2", kNames) + std::string(200, 'x')), "are none");
    fails_with(parse(header("ascii", "2", kNames) + ascii(counted()).substr(0, 200)), "end before");
    fails_with(parse(header("binary_middle_endian", "2", kNames)), "line 2");
    fails_with(parse(header("ascii", "2", kNames, "quad")), "line 4");
    fails_with(parse(header("ascii", "2", {}) + ascii(counted())), "the property x is missing");
    fails_with(parse("ply\nend_header\n"), "line 2");
    fails_with(parse("ply\nformat ascii 1.0\nproperty float x\nend_header\n"), "line 3");
    fails_with(parse("ply\nformat ascii 1.0\nend_header\n"), "no element vertex");
    fails_with(parse("ply\n" + std::string(size_t(2) << 20, 'a')), "has no end");
    std::vector<std::string> names = kNames;
    names.push_back("f_rest_0");
    fails_with(parse(header("ascii", "2", names)), "1 properties f_rest");
    std::string text = good;
    text.insert(text.find("element"), "element before 4000000000\nproperty float a\n");
    fails_with(parse(text), "cut short");
    text = good;
    text.insert(text.find("element"), "element before 1\nproperty list uchar int a\n");
    fails_with(parse(text), "has a list");
    text = good;
    text.insert(text.find("end_header"), "property list uchar int a\n");
    fails_with(parse(text), "the element vertex has a list");
    fails_with(parse(header("ascii", "1", {"packed_position"})), "compressed PLY");
}

TEST_CASE("numbers that are none are refused, and infinite ones bounded where they can be") {
    const auto with = [](size_t which, const std::string& number) {
        std::string text = header("ascii", "1", kNames);
        for (size_t i = 0; i < 14; i++) text += (i == which ? number : "1") + " ";
        return decode_splats(as_bytes(text), "a.ply");
    };
    for (size_t i = 0; i < 14; i++) fails_with(with(i, "nan"), "is not finite");
    for (const size_t i : {0, 3, 7, 10})
        for (const char* number : {"inf", "1e999"}) fails_with(with(i, number), "splat 0");
    CHECK(take(with(6, "inf")).logits[0] == kMaxLogit);
    CHECK(take(with(6, "-inf")).logits[0] == -kMaxLogit);
    CHECK(take(with(8, "-inf")).log_scales[1] == kMinLogScale);
    CHECK(take(with(0, "1e-999")).means[0] == 0);
    CHECK(take(with(0, "+2.5E+1")).means[0] == 25);
    fails_with(with(8, "31"), "scale");
    fails_with(with(0, "0x10"), "are none");
    std::string still = header("ascii", "1", kNames) + "0 0 0 0 0 0 0 0 0 0 0 0 0 0";
    CHECK(take(decode_splats(as_bytes(still), "a.ply")).quaternions ==
          std::vector<float>{1, 0, 0, 0});
}
