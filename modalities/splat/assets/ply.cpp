#include "modalities/splat/assets/ply.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>

#include "modalities/splat/assets/ply_header.h"
#include "runtime/io/file.h"

namespace kiln {
namespace {

// Where the values of one property go: to target[0], target[step], ...; or nowhere.
struct Column {
    PlyType type;
    float* target = nullptr;
    size_t step = 0;
};

template <class T>
float load(const std::byte* from, bool swap) {
    std::byte raw[sizeof(T)];
    std::memcpy(raw, from, sizeof(T));
    if (swap) std::reverse(std::begin(raw), std::end(raw));
    T value;
    std::memcpy(&value, raw, sizeof(T));
    return float(value);
}

float load(PlyType type, const std::byte* from, bool swap) {
    switch (type) {
        case PlyType::i8: return load<int8_t>(from, swap);
        case PlyType::u8: return load<uint8_t>(from, swap);
        case PlyType::i16: return load<int16_t>(from, swap);
        case PlyType::u16: return load<uint16_t>(from, swap);
        case PlyType::i32: return load<int32_t>(from, swap);
        case PlyType::u32: return load<uint32_t>(from, swap);
        case PlyType::f32: return load<float>(from, swap);
        case PlyType::f64: return load<double>(from, swap);
        case PlyType::list: break;
    }
    return 0;
}

void fill_binary(const std::byte* from, bool swap, std::vector<Column>& columns, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (Column& c : columns) {
            if (c.target) c.target[i * c.step] = load(c.type, from, swap);
            from += size_of(c.type);
        }
}

// The next number, or false.
bool next_number(std::string_view& text, float& value) {
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return false;
    text.remove_prefix(begin + (text[begin] == '+'));
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, problem] = std::from_chars(text.data(), end, number);
    if (problem == std::errc::invalid_argument) return false;
    if (stop != end && !std::strchr(" \t\r\n", *stop)) return false;
    // What a double cannot hold is zero if it is tiny; huge numbers are refused as infinity is.
    if (problem == std::errc::result_out_of_range) {
        const std::string_view digits = text.substr(0, size_t(stop - text.data()));
        number = digits.find("e-") == std::string_view::npos &&
                         digits.find("E-") == std::string_view::npos
                     ? HUGE_VAL
                     : 0;
    }
    value = float(number);
    text.remove_prefix(size_t(stop - text.data()));
    return true;
}

bool fill_ascii(std::string_view text, std::vector<Column>& columns, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (Column& c : columns) {
            float value = 0;
            if (!next_number(text, value)) return false;
            if (c.target) c.target[i * c.step] = value;
        }
    return true;
}

// Finds properties of an element by name and says what is missing.
struct Properties {
    const PlyElement& element;
    std::vector<Column> columns;
    std::string missing;

    explicit Properties(const PlyElement& e) : element(e) {
        for (const PlyProperty& p : e.properties) columns.push_back({.type = p.type});
    }
    void bind(const std::string& name, float* target, size_t step) {
        for (size_t i = 0; i < columns.size(); i++)
            if (element.properties[i].name == name) {
                columns[i].target = target, columns[i].step = step;
                return;
            }
        if (missing.empty()) missing = name;
    }
    size_t rest() const {
        return size_t(
            std::count_if(element.properties.begin(), element.properties.end(),
                          [](const PlyProperty& p) { return p.name.starts_with("f_rest_"); }));
    }
};

void bind_all(Properties& p, Splats& s) {
    const size_t k = size_t(sh_count(s.sh_degree));
    const auto numbered = [](const char* stem, size_t i) { return stem + std::to_string(i); };
    for (size_t a = 0; a < 3; a++) {
        p.bind(std::string(1, "xyz"[a]), s.means.data() + a, 3);
        p.bind(numbered("f_dc_", a), s.sh.data() + a, k * 3);
    }
    p.bind("opacity", s.logits.data(), 1);
    for (size_t a = 0; a < 3; a++) p.bind(numbered("scale_", a), s.log_scales.data() + a, 3);
    for (size_t a = 0; a < 4; a++) p.bind(numbered("rot_", a), s.quaternions.data() + a, 4);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 1; i < k; i++)
            p.bind(numbered("f_rest_", c * (k - 1) + i - 1), s.sh.data() + i * 3 + c, k * 3);
}

bool is_antialiased(const PlyHeader& header) {
    return std::any_of(header.comments.begin(), header.comments.end(), [](std::string_view c) {
        return c.starts_with("SplatRenderMode: mip") || c.starts_with("antialiased 1");
    });
}

// The bytes from the element called vertex on.
Result<std::span<const std::byte>> rows_of(const PlyHeader& header, size_t index,
                                           std::span<const std::byte> bytes,
                                           const std::string& where) {
    const Error cut{Status::bad_file, where + ": cut short before the splats"};
    bytes = bytes.subspan(header.bytes);
    for (size_t e = 0; e < index; e++) {
        const PlyElement& before = header.elements[e];
        if (header.format == PlyHeader::Format::ascii) {
            for (uint64_t i = 0; i < before.count; i++) {
                const size_t end = as_text(bytes).find('\n');
                if (end == std::string_view::npos) return cut;
                bytes = bytes.subspan(end + 1);
            }
            continue;
        }
        if (before.has_list())
            return Error{Status::bad_file, where + ": element " + before.name +
                                               " has a list and stands before the splats, which "
                                               "is not read"};
        const size_t stride = before.stride();
        if (stride && before.count > bytes.size() / stride) return cut;
        bytes = bytes.subspan(size_t(before.count) * stride);
    }
    return bytes;
}

}   // namespace

Result<Splats> parse_ply(std::span<const std::byte> bytes, const std::string& where,
                         size_t max_splats) {
    const auto bad = [&](const std::string& fact) {
        return Error{Status::bad_file, where + ": " + fact};
    };
    const Result<PlyHeader> header = parse_ply_header(bytes, where);
    if (!header) return header.error();
    const auto& elements = header->elements;
    const auto vertex = std::find_if(elements.begin(), elements.end(),
                                     [](const PlyElement& e) { return e.name == "vertex"; });
    if (vertex == elements.end()) return bad("has no element vertex, thus no splats");
    if (std::any_of(vertex->properties.begin(), vertex->properties.end(),
                    [](const PlyProperty& p) { return p.name == "packed_position"; }))
        return bad("is a compressed PLY, which is not read; plain ones are");
    if (vertex->has_list()) return bad("the element vertex has a list, as splats have not");
    Properties properties(*vertex);
    const size_t rest = properties.rest();
    int degree = 0;
    while (degree < kMaxShDegree && size_t(sh_count(degree) - 1) * 3 < rest) degree++;
    if (size_t(sh_count(degree) - 1) * 3 != rest)
        return bad("has " + std::to_string(rest) +
                   " properties f_rest; 0, 9, 24 or 45 are expected (degrees 0 to 3)");
    const auto rows = rows_of(*header, size_t(vertex - elements.begin()), bytes, where);
    if (!rows) return rows.error();

    const bool ascii = header->format == PlyHeader::Format::ascii;
    const size_t least = ascii ? vertex->properties.size() * 2 : vertex->stride();
    const std::string count = std::to_string(vertex->count) + " splats";
    if (vertex->count > max_splats)
        return bad("claims " + count + "; at most " + std::to_string(max_splats) + " are read");
    Splats splats = make_splats(1, degree);   // to see what is missing before there is room for all
    bind_all(properties, splats);
    if (!properties.missing.empty())
        return bad("the property " + properties.missing + " is missing: these are no splats");
    // The last number of a text needs no space after it.
    if (vertex->count * least > rows->size() + (ascii ? 1 : 0))
        return bad("claims " + count + " but has " + std::to_string(rows->size()) +
                   " bytes after its header: it is cut short");
    const size_t n = size_t(vertex->count);
    splats = make_splats(n, degree);
    splats.antialiased = is_antialiased(*header);
    if (n == 0) return splats;
    bind_all(properties, splats);
    if (!ascii) {
        const bool big = header->format == PlyHeader::Format::big_endian;
        fill_binary(rows->data(), big, properties.columns, n);
    } else if (!fill_ascii(as_text(*rows), properties.columns, n)) {
        return bad("claims " + count + " but its numbers end before, or are none");
    }
    return splats;
}

std::vector<std::byte> ply_bytes(const Splats& s) {
    const size_t n = s.size(), k = size_t(sh_count(s.sh_degree));
    std::string head = "ply\nformat binary_little_endian 1.0\n";
    if (s.antialiased) head += "comment SplatRenderMode: mip\n";
    head += "element vertex " + std::to_string(n) + "\n";
    const auto property = [&](const std::string& name) { head += "property float " + name + "\n"; };
    for (const char* name : {"x", "y", "z", "nx", "ny", "nz"}) property(name);
    for (int i = 0; i < 3; i++) property("f_dc_" + std::to_string(i));
    for (size_t i = 0; i < (k - 1) * 3; i++) property("f_rest_" + std::to_string(i));
    property("opacity");
    for (int i = 0; i < 3; i++) property("scale_" + std::to_string(i));
    for (int i = 0; i < 4; i++) property("rot_" + std::to_string(i));
    head += "end_header\n";

    const size_t columns = 14 + k * 3;
    std::vector<std::byte> bytes(head.size() + n * columns * sizeof(float));
    std::memcpy(bytes.data(), head.data(), head.size());
    std::vector<float> row(columns);
    for (size_t i = 0; i < n; i++) {
        float* to = row.data();
        to = std::copy_n(&s.means[i * 3], 3, to);
        to = std::fill_n(to, 3, 0.0f);
        to = std::copy_n(&s.sh[i * k * 3], 3, to);
        for (size_t c = 0; c < 3; c++)
            for (size_t j = 1; j < k; j++) *to++ = s.sh[(i * k + j) * 3 + c];
        *to++ = s.logits[i];
        to = std::copy_n(&s.log_scales[i * 3], 3, to);
        std::copy_n(&s.quaternions[i * 4], 4, to);
        std::memcpy(bytes.data() + head.size() + i * columns * sizeof(float), row.data(),
                    columns * sizeof(float));
    }
    return bytes;
}

}   // namespace kiln
