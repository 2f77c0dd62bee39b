#include "runtime/io/gguf_header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "runtime/io/magic.h"

namespace kiln {
namespace {

constexpr std::array kTypes = {
    GgufType{0, "F32", 1, 4, DType::f32},        GgufType{1, "F16", 1, 2, DType::f16},
    GgufType{2, "Q4_0", 32, 18, DType::q4_0},    GgufType{3, "Q4_1", 32, 20, DType::q4_1},
    GgufType{6, "Q5_0", 32, 22, DType::q5_0},    GgufType{7, "Q5_1", 32, 24, DType::q5_1},
    GgufType{8, "Q8_0", 32, 34, DType::q8_0},    GgufType{9, "Q8_1", 32, 36, {}},
    GgufType{10, "Q2_K", 256, 84, {}},           GgufType{11, "Q3_K", 256, 110, {}},
    GgufType{12, "Q4_K", 256, 144, DType::q4_k}, GgufType{13, "Q5_K", 256, 176, DType::q5_k},
    GgufType{14, "Q6_K", 256, 210, DType::q6_k}, GgufType{15, "Q8_K", 256, 292, {}},
    GgufType{16, "IQ2_XXS", 256, 66, {}},        GgufType{17, "IQ2_XS", 256, 74, {}},
    GgufType{18, "IQ3_XXS", 256, 98, {}},        GgufType{19, "IQ1_S", 256, 50, {}},
    GgufType{20, "IQ4_NL", 32, 18, {}},          GgufType{21, "IQ3_S", 256, 110, {}},
    GgufType{22, "IQ2_S", 256, 82, {}},          GgufType{23, "IQ4_XS", 256, 136, {}},
    GgufType{24, "I8", 1, 1, DType::i8},         GgufType{25, "I16", 1, 2, DType::i16},
    GgufType{26, "I32", 1, 4, DType::i32},       GgufType{27, "I64", 1, 8, DType::i64},
    GgufType{28, "F64", 1, 8, DType::f64},       GgufType{29, "IQ1_M", 256, 56, {}},
    GgufType{30, "BF16", 1, 2, DType::bf16},     GgufType{34, "TQ1_0", 256, 54, {}},
    GgufType{35, "TQ2_0", 256, 66, {}},          GgufType{39, "MXFP4", 32, 17, {}},
};

// The types of metadata by their number, and the bytes of one value; 0 where it varies.
enum Value : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, list, u64, i64, f64 };
constexpr std::array<size_t, 13> kValueBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr uint64_t kMaxKey = 65535, kShownItems = 8;

struct Fault {
    std::string why;
};

class HeaderReader {
public:
    explicit HeaderReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    GgufHeader read() {
        at_ = 4;   // the magic was seen
        const auto version = number<uint32_t>();
        if (version != 0 && (version & 0xffff) == 0) stop("a big-endian file; convert it first");
        if (version < 2 || version > 3)
            stop("version " + std::to_string(version) + "; Kiln reads 2 and 3");
        const uint64_t tensors = number<uint64_t>(), entries = number<uint64_t>();
        // The least that one of each takes: no count can ask for more memory than the file has.
        limit(tensors, 24, "tensors");
        limit(entries, 13, "metadata entries");
        for (uint64_t i = 0; i < entries; i++) read_entry();
        header_.tensors.reserve(size_t(tensors));
        std::unordered_set<std::string> names;
        for (uint64_t i = 0; i < tensors; i++) {
            read_tensor();
            if (!names.insert(header_.tensors.back().name).second)
                stop("tensor " + in_quotes(header_.tensors.back().name) + " stands twice");
        }
        header_.size = at_;
        return std::move(header_);
    }

private:
    [[noreturn]] void stop(const std::string& why) const { throw Fault{why}; }

    void limit(uint64_t count, size_t least, const char* what) const {
        if (count > (bytes_.size() - at_) / least)
            stop("truncated: " + std::to_string(count) + " " + what + " cannot lie in " +
                 std::to_string(bytes_.size()) + " bytes");
    }
    const std::byte* take_bytes(uint64_t count) {
        if (count > bytes_.size() - at_)
            stop("truncated: the header goes on at byte " + std::to_string(at_) + " for " +
                 std::to_string(count) + " more, found " + std::to_string(bytes_.size() - at_));
        at_ += size_t(count);
        return bytes_.data() + at_ - count;
    }
    template <class T>
    T number() {
        T value;
        std::memcpy(&value, take_bytes(sizeof value), sizeof value);
        return value;
    }
    std::string text(uint64_t longest = UINT64_MAX) {
        const auto length = number<uint64_t>();
        if (length > longest)
            stop("a name of " + std::to_string(length) + " bytes; at most " +
                 std::to_string(longest) + " are allowed");
        const std::byte* bytes = take_bytes(length);
        return std::string(as_text({bytes, size_t(length)}));
    }

    std::string value_text(uint32_t type) {
        switch (type) {
            case u8: return std::to_string(number<uint8_t>());
            case i8: return std::to_string(number<int8_t>());
            case u16: return std::to_string(number<uint16_t>());
            case i16: return std::to_string(number<int16_t>());
            case u32: return std::to_string(number<uint32_t>());
            case i32: return std::to_string(number<int32_t>());
            case f32: return std::to_string(number<float>());
            case boolean: return number<uint8_t>() ? "true" : "false";
            case string: return text();
            case list: return list_text();
            case u64: return std::to_string(number<uint64_t>());
            case i64: return std::to_string(number<int64_t>());
            case f64: return std::to_string(number<double>());
            default: stop("metadata of the unknown type " + std::to_string(type));
        }
    }
    std::string list_text() {
        const auto type = number<uint32_t>();
        const auto count = number<uint64_t>();
        if (type == list) stop("metadata: a list of lists");
        if (type >= kValueBytes.size())
            stop("metadata of the unknown type " + std::to_string(type));
        limit(count, kValueBytes[type] ? kValueBytes[type] : sizeof(uint64_t), "values");
        if (count > kShownItems) {
            if (type == string)
                for (uint64_t i = 0; i < count; i++) take_bytes(number<uint64_t>());
            else
                take_bytes(count * kValueBytes[type]);
            return "[" + std::to_string(count) + " values]";
        }
        std::string all;
        for (uint64_t i = 0; i < count; i++) all += (i ? ", " : "") + value_text(type);
        return "[" + all + "]";
    }

    void read_entry() {
        const std::string key = text(kMaxKey);
        const auto type = number<uint32_t>();
        const std::string value = value_text(type);
        if (!header_.metadata.emplace(key, value).second)
            stop("metadata: the key " + in_quotes(key) + " stands twice");
        if (key != "general.alignment") return;
        const auto alignment = type == u32 ? std::stoull(value) : 0;
        if (alignment == 0 || (alignment & (alignment - 1)) || alignment > 1 << 20)
            stop("general.alignment: expected a power of two, found " + in_quotes(value));
        header_.alignment = alignment;
    }

    // ComfyUI-GGUF folds some weights into rows of 256 and keeps their shape here.
    void unfold(TensorInfo& tensor) const {
        const auto kept = header_.metadata.find("comfy.gguf.orig_shape." + tensor.name);
        if (kept == header_.metadata.end()) return;
        auto dims = parse_json(kept->second, "shape");
        if (!dims || !dims->is_array()) return;
        Shape shape;
        int64_t count = 1;
        for (const auto& dim : *dims) {
            if (!dim.is_number_integer() || dim.get<int64_t>() <= 0 ||
                dim.get<int64_t>() > INT64_MAX / count)
                return;
            shape.dims.push_back(dim.get<int64_t>());
            count *= shape.dims.back();
        }
        if (count == tensor.shape.count()) tensor.shape = shape;
    }

    void read_tensor() {
        TensorInfo& tensor = header_.tensors.emplace_back();
        tensor.name = text(kMaxKey);
        const auto fault = [&](const std::string& why) {
            stop("tensor " + in_quotes(tensor.name) + ": " + why);
        };
        const auto rank = number<uint32_t>();
        if (rank > 4) fault(std::to_string(rank) + " dimensions; at most 4 are allowed");
        std::array<uint64_t, 4> dims{};
        for (uint32_t i = 0; i < rank; i++) dims[i] = number<uint64_t>();
        const auto number_of_type = number<uint32_t>();
        const GgufType* type = gguf_type(number_of_type);
        if (!type) fault("the unknown type " + std::to_string(number_of_type));
        tensor.stored_type = type->name;
        tensor.dtype = type->dtype;
        uint64_t elements = 1;   // without the extents of zero, so that any order of them fits
        for (uint32_t i = 0; i < rank; i++) {
            if (dims[i] > 0 && elements > uint64_t(INT64_MAX) / 8 / dims[i])
                fault("the shape overflows");
            elements *= std::max<uint64_t>(dims[i], 1);
            tensor.shape.dims.insert(tensor.shape.dims.begin(), int64_t(dims[i]));
        }
        if (tensor.shape.count() == 0) elements = 0;
        if (dims[0] % uint64_t(type->elements) || (rank == 0 && type->elements > 1))
            fault("rows of " + std::to_string(dims[0]) + " are not whole blocks of " +
                  std::string(type->name));
        const auto offset = number<uint64_t>();
        if (offset % header_.alignment)
            fault("begins at " + std::to_string(offset) + ", expected a multiple of " +
                  std::to_string(header_.alignment));
        // Fits: the largest block has 292 bytes for 256 elements, the largest element eight.
        const uint64_t size = elements / uint64_t(type->elements) * uint64_t(type->bytes);
        if (offset > uint64_t(INT64_MAX) - size) fault("the offset overflows");
        tensor.begin = size_t(offset), tensor.end = size_t(offset + size);
        unfold(tensor);
    }

    std::span<const std::byte> bytes_;
    size_t at_ = 0;
    GgufHeader header_;
};

}   // namespace

const GgufType* gguf_type(uint32_t number) {
    for (const GgufType& type : kTypes)
        if (type.number == number) return &type;
    return nullptr;
}

const GgufType* gguf_type(DType dtype) {
    for (const GgufType& type : kTypes)
        if (type.dtype == dtype) return &type;
    return nullptr;
}

Result<GgufHeader> parse_gguf_header(std::span<const std::byte> bytes, const std::string& where) {
    const auto bad = [&](const std::string& why) {
        return Error{Status::bad_file, where + ": " + why};
    };
    if (bytes.size() < 4 || as_text(bytes.first(4)) != "GGUF")
        return bad("not a GGUF file: it does not begin with GGUF");
    try {
        return HeaderReader(bytes).read();
    } catch (const Fault& fault) {
        return bad(fault.why);
    }
}

}   // namespace kiln
