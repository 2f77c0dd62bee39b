#include "modalities/splat/assets/ply_header.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "runtime/io/file.h"

namespace kiln {
namespace {

constexpr size_t kMaxHeader = size_t(1) << 20;

struct TypeName {
    std::string_view name, other;
    PlyType type;
    size_t size;
};
constexpr TypeName kTypes[] = {
    {"char", "int8", PlyType::i8, 1},      {"uchar", "uint8", PlyType::u8, 1},
    {"short", "int16", PlyType::i16, 2},   {"ushort", "uint16", PlyType::u16, 2},
    {"int", "int32", PlyType::i32, 4},     {"uint", "uint32", PlyType::u32, 4},
    {"float", "float32", PlyType::f32, 4}, {"double", "float64", PlyType::f64, 8},
    {"list", "list", PlyType::list, 0},
};

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (true) {
        const size_t begin = line.find_first_not_of(" \t\r");
        if (begin == std::string_view::npos) return words;
        const size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
        words.push_back(line.substr(begin, end - begin));
        line.remove_prefix(end);
    }
}

bool take_format(const std::vector<std::string_view>& words, PlyHeader& header) {
    using Format = PlyHeader::Format;
    if (words.size() < 2) return false;
    if (words[1] == "ascii")
        header.format = Format::ascii;
    else if (words[1] == "binary_little_endian")
        header.format = Format::little_endian;
    else if (words[1] == "binary_big_endian")
        header.format = Format::big_endian;
    else
        return false;
    return true;
}

bool take_element(const std::vector<std::string_view>& words, PlyHeader& header) {
    if (words.size() != 3) return false;
    PlyElement element{.name = std::string(words[1]), .count = 0, .properties = {}};
    const char* end = words[2].data() + words[2].size();
    const auto [stop, problem] = std::from_chars(words[2].data(), end, element.count);
    if (problem != std::errc() || stop != end) return false;
    header.elements.push_back(std::move(element));
    return true;
}

bool take_property(const std::vector<std::string_view>& words, PlyHeader& header) {
    if (words.size() < 3 || header.elements.empty()) return false;
    const auto known = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeName& t) {
        return words[1] == t.name || words[1] == t.other;
    });
    if (known == std::end(kTypes)) return false;
    header.elements.back().properties.push_back({std::string(words.back()), known->type});
    return true;
}

}   // namespace

size_t size_of(PlyType type) { return kTypes[size_t(type)].size; }

bool PlyElement::has_list() const {
    return std::any_of(properties.begin(), properties.end(),
                       [](const PlyProperty& p) { return p.type == PlyType::list; });
}

size_t PlyElement::stride() const {
    size_t sum = 0;
    for (const PlyProperty& p : properties) sum += size_of(p.type);
    return sum;
}

Result<PlyHeader> parse_ply_header(std::span<const std::byte> bytes, const std::string& where) {
    const std::string_view text = as_text(bytes.first(std::min(bytes.size(), kMaxHeader)));
    PlyHeader header;
    bool formatted = false;
    for (size_t at = 0, line_number = 1;; line_number++) {
        const size_t end = text.find('\n', at);
        if (end == std::string_view::npos)
            return Error{Status::bad_file, where + ": the PLY header has no end"};
        const std::string_view line = text.substr(at, end - at);
        const auto words = words_of(line);
        at = end + 1;
        const std::string_view first = words.empty() ? "" : words[0];
        bool good = true;
        if (line_number == 1)
            good = first == "ply" && words.size() == 1;
        else if (first == "end_header")
            good = formatted;
        else if (first == "format")
            good = formatted = take_format(words, header);
        else if (first == "element")
            good = take_element(words, header);
        else if (first == "property")
            good = take_property(words, header);
        else if (first == "comment")
            header.comments.emplace_back(line.substr(std::min(line.size(), size_t(8))));
        else
            good = first == "obj_info" || first.empty();
        if (!good)
            return Error{Status::bad_file, where + ": line " + std::to_string(line_number) +
                                               " of the PLY header makes no sense: " +
                                               std::string(line.substr(0, 80))};
        if (first == "end_header" && line_number > 1) {
            header.bytes = at;
            return header;
        }
    }
}

}   // namespace kiln
