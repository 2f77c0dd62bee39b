#include "runtime/io/npy.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "runtime/base/dtype.h"
#include "tests/io/files.h"

using namespace kiln;

namespace {

std::string npy(const std::string& header, const std::string& data, char version = 1) {
    std::string bytes = std::string("\x93NUMPY") + version + '\0';
    bytes += char(header.size() & 0xff), bytes += char(header.size() >> 8);
    if (version > 1) bytes += std::string(2, '\0');
    return bytes + header + data;
}

std::string floats(const std::vector<float>& values, DType type = DType::f32) {
    std::string bytes(values.size() * size_of(type), '\0');
    from_f32(type, values.data(), bytes.data(), values.size());
    return bytes;
}

Result<NpyArray> parse(const std::string& bytes) { return parse_npy(as_bytes(bytes), "a.npy"); }

const std::vector<float> kSix = {1, 2, 3, 4, 5, 6};

}   // namespace

TEST_CASE("arrays are read in every order and precision") {
    const NpyArray a = take(parse(
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", floats(kSix))));
    CHECK(a.shape == Shape{2, 3});
    CHECK(a.values == kSix);
    CHECK(take(parse(npy("{'descr': '<f2', 'fortran_order': False, 'shape': (6,), }",
                         floats(kSix, DType::f16), 2)))
              .values == kSix);
    const NpyArray turned = take(
        parse(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", floats(kSix))));
    CHECK(turned.values == std::vector<float>{1, 3, 5, 2, 4, 6});
    const double wide[] = {0.5, -3};
    std::string bytes(sizeof wide, '\0');
    std::memcpy(bytes.data(), wide, sizeof wide);
    CHECK(take(parse(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }", bytes)))
              .values == std::vector<float>{0.5f, -3});
    CHECK(take(parse(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }", "")))
              .values.empty());
    CHECK(take(parse(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", floats({7}))))
              .values == std::vector<float>{7});
}

TEST_CASE("what is no array, cut short or a lie is refused") {
    const auto with = [](const std::string& type, const std::string& shape, size_t bytes) {
        return parse(
            npy("{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + "}",
                std::string(bytes, '\0')));
    };
    fails_with(parse(""), "expected a NumPy array");
    fails_with(parse("RIFF and so on"), "expected a NumPy array");
    fails_with(parse(npy("", "").substr(0, 9)), "cut short");
    fails_with(parse(npy("{'descr': '<f4', 'fortr", "").substr(0, 20)), "cut short");
    fails_with(parse(npy("{}", "")), "makes no sense");
    fails_with(parse(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", "")),
               "makes no sense");
    fails_with(parse(npy("{'descr': '<f4', 'fortran_order': maybe, 'shape': (2,)}", "")),
               "makes no sense");
    fails_with(with("<f4", "(2", 8), "makes no sense");
    fails_with(with("<f4", "(-2,)", 8), "makes no sense");
    fails_with(with("<f4", "(two,)", 8), "makes no sense");
    fails_with(with("<f4", "(4611686018427387904, 4)", 8), "makes no sense");
    fails_with(with("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 1)", 4), "makes no sense");
    fails_with(with("<f4", "(1000000000,)", 8), "4000000000 were expected");
    fails_with(with("<f4", "(2,)", 9), "8 were expected");
    fails_with(with(">f4", "(2,)", 8), "\">f4\"");
    fails_with(with("|O", "(1,)", 8), "<f2, <f4 and <f8 are read");
}
