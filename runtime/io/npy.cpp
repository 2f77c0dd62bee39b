#include "runtime/io/npy.h"

#include <charconv>
#include <cstring>

#include "runtime/base/dtype.h"
#include "runtime/io/file.h"
#include "runtime/io/magic.h"

namespace kiln {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr int kMostAxes = 8;

struct Header {
    std::string_view type;
    bool fortran = false;
    Shape shape;
};

// What stands behind a key of the header, which is a Python dictionary as repr() writes it.
std::string_view after(std::string_view text, std::string_view key) {
    const size_t at = text.find(key);
    if (at == text.npos) return {};
    const size_t begin = text.find_first_not_of(": ", at + key.size());
    return begin == text.npos ? std::string_view() : text.substr(begin);
}

bool parse_shape(std::string_view text, Shape& shape) {
    if (!text.starts_with('(')) return false;
    const size_t end = text.find(')');
    if (end == text.npos) return false;
    int64_t count = 1;
    for (size_t at = 1; (at = text.find_first_not_of(", ", at)) < end;) {
        int64_t extent = 0;
        const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, extent);
        if (error != std::errc() || extent < 0 || shape.rank() == kMostAxes) return false;
        if (__builtin_mul_overflow(count, std::max<int64_t>(extent, 1), &count)) return false;
        if (count > int64_t(1) << 40) return false;
        shape.dims.push_back(extent);
        at = size_t(stop - text.data());
    }
    return true;
}

bool parse_header(std::string_view text, Header& header) {
    const std::string_view type = after(text, "'descr'"), order = after(text, "'fortran_order'");
    if (!type.starts_with('\'')) return false;
    header.type = type.substr(1, type.find('\'', 1) - 1);
    header.fortran = order.starts_with("True");
    if (!header.fortran && !order.starts_with("False")) return false;
    return parse_shape(after(text, "'shape'"), header.shape);
}

// From the order in which the first axis changes fastest.
std::vector<float> from_fortran(const std::vector<float>& values, const Shape& shape) {
    std::vector<float> turned(values.size());
    for (int64_t i = 0; i < int64_t(values.size()); i++) {
        int64_t rest = i, from = 0;
        for (int axis = shape.rank() - 1; axis >= 0; axis--) {
            int64_t below = 1;
            for (int a = 0; a < axis; a++) below *= shape[a];
            from += rest % shape[axis] * below;
            rest /= shape[axis];
        }
        turned[size_t(i)] = values[size_t(from)];
    }
    return turned;
}

}   // namespace

Result<NpyArray> parse_npy(std::span<const std::byte> bytes, const std::string& where) {
    const auto bad = [&](const std::string& fact) {
        return Error{Status::bad_file, where + ": " + fact};
    };
    const std::string_view text = as_text(bytes);
    if (!text.starts_with(kMagic)) return bad("expected a NumPy array");
    if (bytes.size() < 12) return bad("a NumPy array that is cut short");
    const bool longer = bytes[6] != std::byte(1);   // versions 2 and 3 have a longer length
    size_t length = size_t(bytes[8]) | size_t(bytes[9]) << 8;
    if (longer) length |= size_t(bytes[10]) << 16 | size_t(bytes[11]) << 24;
    const size_t begin = longer ? 12 : 10;
    if (bytes.size() - begin < length) return bad("a NumPy array that is cut short");
    Header header;
    if (!parse_header(text.substr(begin, length), header))
        return bad("a NumPy array with a header that makes no sense");
    const size_t size = header.type == "<f2" ? 2 : header.type == "<f4" ? 4 : 8;
    if (size == 8 && header.type != "<f8")
        return bad("a NumPy array of type " + in_quotes(header.type) +
                   "; <f2, <f4 and <f8 are read");
    const auto data = bytes.subspan(begin + length);
    NpyArray array{header.shape, {}};
    const uint64_t count = uint64_t(header.shape.count());
    if (data.size() != count * size)
        return bad("a NumPy array of " + to_string(header.shape) + " in " +
                   std::to_string(data.size()) + " bytes; " + std::to_string(count * size) +
                   " were expected");
    array.values.resize(count);
    if (size == 8) {
        for (size_t i = 0; i < count; i++) {
            double value = 0;
            std::memcpy(&value, data.data() + 8 * i, 8);
            array.values[i] = float(value);
        }
    } else {
        to_f32(size == 2 ? DType::f16 : DType::f32, data.data(), 0, count, array.values.data());
    }
    if (header.fortran) array.values = from_fortran(array.values, array.shape);
    return array;
}

}   // namespace kiln
