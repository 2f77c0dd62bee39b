#include "runtime/io/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/io/file.h"
#include "runtime/io/magic.h"
#include "runtime/io/safetensors_header.h"

namespace kiln {

static constexpr size_t kPrefix = 8;
static constexpr uint64_t kMaxHeader = 100'000'000;

static Error bad(const std::string& where, std::string why) {
    return {Status::bad_file, where + ": " + std::move(why)};
}

static uint64_t little_endian(std::span<const std::byte> bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < kPrefix; i++) value |= uint64_t(bytes[i]) << (8 * i);
    return value;
}

// The header's text, or why these bytes cannot be a safetensors file.
static Result<std::string_view> header_text(std::span<const std::byte> bytes,
                                            const std::string& where) {
    std::string fault;
    uint64_t length = bytes.size() < kPrefix ? 0 : little_endian(bytes);
    if (bytes.size() < kPrefix)
        fault = "truncated: a safetensors file has at least 8 bytes, found " +
                std::to_string(bytes.size());
    else if (length > kMaxHeader)
        fault = "not a safetensors file: a header of " + std::to_string(length) +
                " bytes; at most " + std::to_string(kMaxHeader) + " are allowed";
    else if (length > bytes.size() - kPrefix)
        fault = "truncated: the header has " + std::to_string(length) + " bytes, found " +
                std::to_string(bytes.size() - kPrefix);
    else if (length == 0 || char(bytes[kPrefix]) != '{')
        fault = "not a safetensors file: the header does not begin with {";
    if (fault.empty()) return as_text(bytes.subspan(kPrefix, size_t(length)));

    std::string_view kind = kind_of_file(bytes.first(std::min<size_t>(bytes.size(), 64)));
    if (kind.empty() || kind == kSafetensorsKind) return bad(where, fault);
    std::string advice(advice_for(kind));
    return bad(where, "expected a safetensors file, found " + std::string(kind) +
                          (advice.empty() ? "" : ". " + advice));
}

// Whether a tensor's extents, type and offsets agree; the message if not.
static std::string size_fault(const TensorInfo& tensor) {
    int64_t bits = bits_of_stored_type(tensor.stored_type);
    for (int64_t extent : tensor.shape) {
        if (extent > 0 && bits > INT64_MAX / extent) return "the shape overflows";
        bits *= extent;
    }
    if (bits % 8) return "the elements do not fill whole bytes";
    if (tensor.begin > tensor.end)
        return "data_offsets run backwards: " + std::to_string(tensor.begin) + " to " +
               std::to_string(tensor.end);
    if (uint64_t(bits) / 8 != tensor.end - tensor.begin)
        return to_string(tensor.shape) + " of " + tensor.stored_type + " has " +
               std::to_string(bits / 8) + " bytes, data_offsets hold " +
               std::to_string(tensor.end - tensor.begin);
    return {};
}

// Tensors sorted by offset must tile the data exactly.
static std::string tiling_fault(const std::vector<TensorInfo>& tensors, size_t data_size) {
    size_t position = 0;
    for (const TensorInfo& tensor : tensors) {
        std::string name = "tensor " + in_quotes(tensor.name);
        if (tensor.begin < position)
            return name + ": overlaps its neighbour: begins at " + std::to_string(tensor.begin) +
                   ", expected " + std::to_string(position);
        if (tensor.begin > position)
            return name + ": a gap before it: begins at " + std::to_string(tensor.begin) +
                   ", expected " + std::to_string(position);
        position = tensor.end;
    }
    if (position > data_size)
        return "truncated: the tensors have " + std::to_string(position) + " bytes, found " +
               std::to_string(data_size);
    if (position < data_size)
        return std::to_string(data_size - position) +
               " bytes that belong to no tensor follow the last";
    return {};
}

Result<Safetensors> Safetensors::parse(std::span<const std::byte> bytes, const std::string& where) {
    auto text = header_text(bytes, where);
    if (!text) return text.error();
    auto header = parse_safetensors_header(*text, where);
    if (!header) return header.error();

    Safetensors file;
    file.path_ = where;
    file.format_ = "safetensors";
    file.tensors_ = std::move(header->tensors);
    file.metadata_ = std::move(header->metadata);
    file.data_ = bytes.subspan(kPrefix + text->size());
    for (const TensorInfo& tensor : file.tensors_)
        if (std::string fault = size_fault(tensor); !fault.empty())
            return bad(where, "tensor " + in_quotes(tensor.name) + ": " + fault);
    std::stable_sort(file.tensors_.begin(), file.tensors_.end(), [](auto& a, auto& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    if (std::string fault = tiling_fault(file.tensors_, file.data_.size()); !fault.empty())
        return bad(where, fault);
    file.index();
    return file;
}

Result<Safetensors> Safetensors::open(const std::string& path) {
    auto mapped = MappedFile::open(path);
    if (!mapped) return mapped.error();
    auto file = parse(mapped->bytes(), path);
    if (file) file->file_ = std::move(*mapped);
    return file;
}

Result<void> write_safetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                               const std::map<std::string, std::string>& metadata) {
    std::sort(tensors.begin(), tensors.end(), [](auto& a, auto& b) {
        return std::pair(size_of(b.dtype), std::string_view(a.name)) <
               std::pair(size_of(a.dtype), std::string_view(b.name));
    });
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    size_t position = 0;
    for (const TensorToWrite& tensor : tensors) {
        size_t size = size_t(tensor.shape.count()) * size_of(tensor.dtype);
        ensure(size == tensor.bytes.size(), "a tensor's bytes fill its shape");
        ensure(tensor.name != "__metadata__", "a tensor's name is not reserved");
        header.push_back({tensor.name,
                          {{"dtype", safetensors_name(tensor.dtype)},
                           {"shape", tensor.shape.dims},
                           {"data_offsets", {position, position + size}}}});
        position += size;
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    std::string prefix;
    for (int i = 0; i < 8; i++) prefix += char(uint64_t(text.size()) >> (8 * i));

    auto file = AtomicFile::create(path);
    if (!file) return file.error();
    if (auto written = file->write(as_bytes(prefix + text)); !written) return written;
    for (const TensorToWrite& tensor : tensors)
        if (auto written = file->write(tensor.bytes); !written) return written;
    return file->commit();
}

}   // namespace kiln
