#include "modalities/splat/assets/glb.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "runtime/io/file.h"
#include "runtime/io/json.h"

namespace kiln {
namespace {

constexpr uint32_t kMagic = 0x46546c67, kVersion = 2;   // "glTF"
constexpr uint32_t kJson = 0x4e4f534a, kBin = 0x004e4942;
constexpr size_t kHeader = 12, kChunkHeader = 8;

uint32_t u32(std::span<const std::byte> bytes, size_t at) {
    uint32_t value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
}

[[noreturn]] void stop(const Glb& glb, const std::string& fact) {
    throw ResultError({Status::bad_file, glb.where + ": " + fact});
}

struct Component {
    int64_t type;
    size_t size;
    float one;   // of a normalised one
};
constexpr Component kComponents[] = {{5120, 1, 127},   {5121, 1, 255}, {5122, 2, 32767},
                                     {5123, 2, 65535}, {5125, 4, 0},   {5126, 4, 0}};

template <class T>
float load(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return float(value);
}

float component(int64_t type, const std::byte* from) {
    switch (type) {
        case 5120: return load<int8_t>(from);
        case 5121: return load<uint8_t>(from);
        case 5122: return load<int16_t>(from);
        case 5123: return load<uint16_t>(from);
        case 5125: return load<uint32_t>(from);
        default: return load<float>(from);
    }
}

// A size or offset: an integer of at least `least`, so small that sums of them fit.
size_t size_at(const JsonObject& object, const char* key, int64_t least,
               std::optional<int64_t> otherwise = {}) {
    const int64_t value = take(object.integer(key, otherwise));
    if (value < least || value > int64_t(1) << 40)
        throw ResultError(object.error(key, std::to_string(value) + " is no size"));
    return size_t(value);
}

std::span<const std::byte> bytes_of(const Glb& glb, const JsonObject& view) {
    const JsonObject buffer(gltf_object(glb, "buffers", take(view.integer("buffer"))), "buffers");
    if (buffer.has("uri") || take(view.integer("buffer")) != 0)
        stop(glb, "a buffer lies outside of the file, which is not read");
    const size_t begin = size_at(view, "byteOffset", 0, 0), length = size_at(view, "byteLength", 1);
    if (begin > glb.binary.size() || length > glb.binary.size() - begin)
        stop(glb, view.where() + " ends beyond the buffer of " + std::to_string(glb.binary.size()) +
                      " bytes: cut short?");
    return glb.binary.subspan(begin, length);
}

JsonObject view_at(const Glb& glb, int64_t index) {
    return {gltf_object(glb, "bufferViews", index), "bufferViews[" + std::to_string(index) + "]"};
}

// Where an accessor's elements lie.
struct View {
    const std::byte* data;
    size_t stride;
};

View view_of(const Glb& glb, const JsonObject& accessor, size_t count, size_t element) {
    if (!accessor.has("bufferView") || accessor.has("sparse"))
        stop(glb, accessor.where() + " is sparse, which is not read");
    const JsonObject view = view_at(glb, take(accessor.integer("bufferView")));
    const std::span<const std::byte> bytes = bytes_of(glb, view);
    const size_t offset = size_at(accessor, "byteOffset", 0, 0), length = bytes.size();
    const size_t stride = size_at(view, "byteStride", 1, int64_t(element));
    if (stride < element || offset > length || length - offset < element ||
        count - 1 > (length - offset - element) / stride)
        stop(glb, accessor.where() + " ends beyond its buffer view");
    return {bytes.data() + offset, stride};
}

// An accessor that has proven sound.
struct Elements {
    View view;
    Component component;
    size_t count;
    bool normalised;
};

Elements elements_of(const Glb& glb, int64_t index, int components, size_t limit) {
    const std::string name = glb.where + ": accessors[" + std::to_string(index) + "]";
    const JsonObject accessor(gltf_object(glb, "accessors", index), name);
    const int64_t type = take(accessor.integer("componentType"));
    const auto known = std::find_if(std::begin(kComponents), std::end(kComponents),
                                    [&](const Component& c) { return c.type == type; });
    const char* wanted[] = {"SCALAR", "VEC2", "VEC3", "VEC4"};
    const std::string shape = take(accessor.string("type"));
    if (known == std::end(kComponents) || shape != wanted[components - 1])
        throw ResultError(accessor.error("type", "expected " + std::string(wanted[components - 1]) +
                                                     " of a known component type"));
    const size_t count = size_at(accessor, "count", 1);
    if (count > limit)
        throw ResultError(accessor.error("count", std::to_string(count) + " elements; at most " +
                                                      std::to_string(limit) + " are read"));
    const View view = view_of(glb, accessor, count, known->size * size_t(components));
    return {view, *known, count, take(accessor.boolean("normalized", false)) && known->one != 0};
}

}   // namespace

Result<Glb> parse_glb(std::span<const std::byte> bytes, const std::string& where) {
    const auto bad = [&](const std::string& fact) {
        return Error{Status::bad_file, where + ": " + fact};
    };
    if (bytes.size() < kHeader + kChunkHeader || u32(bytes, 0) != kMagic)
        return bad("is no binary glTF, or cut short");
    if (u32(bytes, 4) != kVersion)
        return bad("is glTF version " + std::to_string(u32(bytes, 4)) + "; 2 is read");
    const size_t total = u32(bytes, 8);
    if (total > bytes.size())
        return bad("claims " + std::to_string(total) + " bytes, found " +
                   std::to_string(bytes.size()) + ": it is cut short");
    Glb glb{{}, {}, where};
    bool first = true;
    for (size_t at = kHeader; at + kChunkHeader <= total;) {
        const size_t length = u32(bytes, at);
        const uint32_t kind = u32(bytes, at + 4);
        at += kChunkHeader;
        if (length > total - at) return bad("a chunk ends beyond the file");
        const auto chunk = bytes.subspan(at, length);
        if (first != (kind == kJson)) return bad("the first chunk, and no other, has to be JSON");
        if (first) {
            Result<nlohmann::json> document = parse_json(as_text(chunk), where);
            if (!document) return document.error();
            glb.document = std::move(*document);
        } else if (kind == kBin && glb.binary.empty()) {
            glb.binary = chunk;
        }
        first = false;
        at += length;
    }
    if (!glb.document.is_object()) return bad("holds no glTF document");
    return glb;
}

std::vector<std::byte> glb_bytes(const nlohmann::ordered_json& document,
                                 std::span<const std::byte> binary) {
    std::string json = document.dump();
    json.resize((json.size() + 3) / 4 * 4, ' ');
    const size_t padded = (binary.size() + 3) / 4 * 4;
    const size_t chunks = binary.empty() ? 1 : 2;
    std::vector<std::byte> bytes(kHeader + chunks * kChunkHeader + json.size() + padded);
    std::byte* to = bytes.data();
    const auto put = [&](size_t value) {
        const uint32_t word = uint32_t(value);
        std::memcpy(to, &word, sizeof word);
        to += sizeof word;
    };
    put(kMagic), put(kVersion), put(bytes.size());
    put(json.size()), put(kJson);
    std::memcpy(to, json.data(), json.size());
    to += json.size();
    if (binary.empty()) return bytes;
    put(padded), put(kBin);
    std::memcpy(to, binary.data(), binary.size());
    return bytes;
}

const nlohmann::json& gltf_object(const Glb& glb, const char* list, int64_t index) {
    const auto found = glb.document.find(list);
    if (found == glb.document.end() || !found->is_array() || index < 0 ||
        index >= int64_t(found->size()) || !(*found)[size_t(index)].is_object())
        stop(glb, "there is no " + std::string(list) + "[" + std::to_string(index) + "]");
    return (*found)[size_t(index)];
}

std::vector<float> accessor_values(const Glb& glb, int64_t index, int components, size_t limit) {
    const Elements e = elements_of(glb, index, components, limit);
    std::vector<float> values(e.count * size_t(components));
    for (size_t i = 0; i < values.size(); i++) {
        const size_t row = i / size_t(components), column = i % size_t(components);
        values[i] = component(e.component.type,
                              e.view.data + row * e.view.stride + column * e.component.size);
        if (e.normalised) values[i] = std::max(values[i] / e.component.one, -1.0f);
    }
    return values;
}

std::span<const std::byte> view_bytes(const Glb& glb, int64_t index) {
    return bytes_of(glb, view_at(glb, index));
}

std::vector<uint32_t> accessor_indices(const Glb& glb, int64_t index, size_t limit) {
    const Elements e = elements_of(glb, index, 1, limit);
    const int64_t type = e.component.type;
    if (type != 5121 && type != 5123 && type != 5125)
        stop(glb, "accessors[" + std::to_string(index) + "] holds no indices");
    std::vector<uint32_t> values(e.count);
    for (size_t i = 0; i < values.size(); i++)   // little-endian, what is above zero
        std::memcpy(&values[i], e.view.data + i * e.view.stride, e.component.size);
    return values;
}

}   // namespace kiln
