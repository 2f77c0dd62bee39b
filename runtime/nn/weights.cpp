#include "runtime/nn/weights.h"

#include <algorithm>
#include <cstring>

#include "runtime/nn/weight_norm.h"

namespace kiln {
namespace {

constexpr int64_t kBlock = 32;   // rows that are turned into columns at a time

// Extents of one at the ends say nothing: a 1x1 convolution is linear, [1, c, 1] is a vector.
Shape stripped(Shape shape) {
    while (shape.rank() > 1 && shape[-1] == 1) shape.dims.pop_back();
    while (shape.rank() > 1 && shape[0] == 1) shape.dims.erase(shape.dims.begin());
    return shape;
}

[[noreturn]] void bad_tensor(const std::string& file, const std::string& name,
                             const std::string& fact) {
    throw ResultError({Status::bad_file, file + ": tensor \"" + name + "\" " + fact});
}

bool finite(const float* values, int64_t count) {
    float sum = 0;
    for (int64_t i = 0; i < count; i++) sum += values[i] * 0.0f;
    return sum == 0;
}
bool finite(const uint16_t* values, int64_t count) {   // f16
    bool all = true;
    for (int64_t i = 0; i < count; i++) all &= (values[i] & 0x7c00) != 0x7c00;
    return all;
}

// A block [rows, in, kernel] becomes columns [first, first + rows) of a target [kernel, in,
// columns].
template <class T>
void turn(const T* block, T* target, int64_t rows, int64_t in, int64_t kernel, int64_t first,
          int64_t columns) {
    for (int64_t k = 0; k < kernel; k++)
        for (int64_t i = 0; i < in; i++) {
            T* row = target + (k * in + i) * columns + first;
            const T* source = block + i * kernel + k;
            for (int64_t r = 0; r < rows; r++) row[r] = source[r * in * kernel];
        }
}

}   // namespace

// Values in a file: those of a tensor, or of some rows of it.
struct Weights::Found {
    const std::byte* bytes;   // of the tensor
    int64_t offset;           // of the values in it
    DType dtype;
    float scale;   // of scaled 8-bit formats, else 1
    std::string file, name;
    bool transposed;
    TensorFiles::Entry entry;
    std::optional<WeightNorm> norm;   // of what is kept so; `entry` is its v then

    // Values [first, first + count), as f32 or as f16.
    void read(int64_t first, int64_t count, float* target) const {
        to_f32(dtype, bytes, size_t(offset + first), size_t(count), target);
        if (scale != 1)
            for (int64_t i = 0; i < count; i++) target[i] *= scale;
        if (norm) apply_weight_norm(*norm, offset + first, count, target);
        check(target, count);
    }
    void read(int64_t first, int64_t count, uint16_t* target) const {
        if (dtype == DType::f16 && !norm) {
            std::memcpy(target, bytes + size_t(offset + first) * sizeof(uint16_t),
                        size_t(count) * sizeof(uint16_t));
            return check(target, count);
        }
        std::vector<float> values(static_cast<size_t>(count));
        read(first, count, values.data());
        from_f32(DType::f16, values.data(), target, size_t(count));
    }
    // Rows [first, first + count) of `in` values as the columns of a quantised matrix from `at` on.
    void read_quantised(int64_t first, int64_t count, int64_t in, std::byte* target, int64_t at,
                        int64_t columns) const {
        const std::byte* rows = bytes + bytes_of(dtype, offset + first * in);
        refuse_unless(pack_quantised(dtype, rows, in, count, target, at, columns));
    }
    template <class T>
    void check(const T* values, int64_t count) const {
        refuse_unless(finite(values, count));
    }
    void refuse_unless(bool finite) const {
        if (!finite)
            throw ResultError(
                {Status::not_finite, file + ": tensor \"" + name + "\" holds NaN or infinity"});
    }
};

namespace {

// Columns [first, first + count) of a matrix that the file keeps by output: rows turned in blocks.
// They become those from `at` on of a target with `columns`.
template <class T, class Found>
void pack_turned(const Found& found, int64_t first, int64_t count, int64_t in, int64_t kernel,
                 T* target, int64_t at, int64_t columns) {
    std::vector<T> block(size_t(std::min(kBlock, count) * in * kernel));
    for (int64_t done = 0; done < count; done += kBlock) {
        const int64_t rows = std::min(kBlock, count - done);
        found.read((first + done) * in * kernel, rows * in * kernel, block.data());
        turn(block.data(), target, rows, in, kernel, at + done, columns);
    }
}

// Columns [first, first + count) of a matrix [rows, columns] that the file keeps as it is needed.
template <class T, class Found>
void pack_straight(const Found& found, int64_t first, int64_t count, int64_t rows, int64_t columns,
                   T* target) {
    for (int64_t r = 0; r < rows; r++) found.read(r * columns + first, count, target + r * count);
}

// Calls pack(target) with a target of the storage type.
template <class Pack>
void pack_as(DType storage, std::byte* target, Pack pack) {
    if (storage == DType::f16)
        pack(reinterpret_cast<uint16_t*>(target));
    else
        pack(reinterpret_cast<float*>(target));
}

// How many columns of `column_bytes` a binding can span; a multiple of 64 unless it is all of them.
int64_t part_of(int64_t columns, size_t column_bytes, const Caps& caps) {
    const uint64_t limit = std::min(caps.binding_range, caps.allocation);
    if (uint64_t(columns) * column_bytes <= limit) return columns;
    const int64_t parts = int64_t((uint64_t(columns) * column_bytes + limit - 1) / limit);
    return std::max<int64_t>(64, columns / parts / 64 * 64);
}

}   // namespace

Weights::Weights(std::shared_ptr<Device> device, std::shared_ptr<const TensorFiles> files,
                 WeightsOptions options)
    : device_(std::move(device)), files_(std::move(files)), options_(std::move(options)) {}

bool Weights::has(const std::string& name) const { return shape(name).has_value(); }

std::optional<Shape> Weights::shape(const std::string& name) const {
    const auto at = options_.names.find(name);
    if (at == options_.names.end() && !options_.names.empty()) return {};
    const std::string& stored = at == options_.names.end() ? name : at->second.name;
    if (const auto entry = files_->find(stored)) return entry->info->shape;
    if (const auto norm = weight_norm(*files_, stored)) return norm->v.info->shape;
    return {};
}

Weights::Found Weights::find(const std::string& name, Shape expected) {
    const auto at = options_.names.find(name);
    if (at == options_.names.end() && !options_.names.empty())
        bad_tensor(files_->path(), name, "is missing; expected shape " + to_string(expected));
    const Stored stored = at == options_.names.end() ? Stored{name} : at->second;
    auto entry = files_->find(stored.name);
    std::optional<WeightNorm> norm;
    if (!entry && (norm = weight_norm(*files_, stored.name))) entry = norm->v;
    if (!entry)
        bad_tensor(files_->path(), stored.name,
                   "is missing; expected shape " + to_string(expected));
    const std::string& file = entry->file->path();

    if (stored.transposed) std::swap(expected[0], expected[1]);
    const int64_t rows = expected[0];
    expected[0] *= stored.parts;
    const TensorInfo& info = *entry->info;
    if (stripped(info.shape) != stripped(expected))
        bad_tensor(file, stored.name,
                   "has shape " + to_string(info.shape) + "; expected " + to_string(expected));
    const DType dtype = take(entry->file->dtype(info));
    if (!is_float(dtype))
        bad_tensor(file, stored.name, "has type " + info.stored_type + "; expected floats");

    if (norm && norm->g.info->shape.count() != info.shape[0])
        bad_tensor(file, norm->g_name,
                   "has shape " + to_string(norm->g.info->shape) + "; expected one length a row");
    claimed_.insert(norm ? norm->v_name : stored.name);
    if (norm) claimed_.insert(norm->g_name);
    const bool is_fp8 = dtype == DType::f8_e4m3 || dtype == DType::f8_e5m2;
    return {entry->file->bytes(info).data(),
            stored.part * rows * (expected.count() / expected[0]),
            dtype,
            is_fp8 ? scale_of(stored.name) : 1.0f,
            file,
            norm ? norm->v_name : stored.name,
            stored.transposed,
            *entry,
            norm};
}

// The factor that "scaled fp8" files keep beside a weight: <layer>.scale_weight or .weight_scale.
float Weights::scale_of(const std::string& name) {
    const std::string layer = name.substr(0, name.rfind('.'));
    for (const char* suffix : {".scale_weight", ".weight_scale"}) {
        const auto entry = files_->find(layer + suffix);
        if (!entry) continue;
        const std::vector<float> values = take(entry->file->values(*entry->info));
        if (values.size() != 1)
            bad_tensor(entry->file->path(), layer + suffix, "is not one number");
        claimed_.insert(layer + suffix);
        return values[0];
    }
    return 1;
}

// f16 needs a last axis of whole four-vectors.
DType Weights::storage_for(DType stored, int64_t columns) const {
    const bool small = is_block(stored) || size_of(stored) < size_of(DType::f32);
    const bool half =
        options_.storage == Storage::f16 || (options_.storage == Storage::as_file && small);
    return half && columns % 4 == 0 ? DType::f16 : DType::f32;
}

// `read` writes the parameter's values; what it reads from stays open as long as it.
Tensor Weights::add(std::vector<TensorFiles::Entry> from, const std::string& name, Shape shape,
                    DType dtype, Weight::Pack read) {
    const uint64_t bytes = stored_bytes(dtype, shape);
    auto pack = [files = files_, from = std::move(from),
                 read = std::move(read)](std::byte* target) {
        read(target);
        for (const TensorFiles::Entry& entry : from) entry.file->drop(*entry.info);
    };
    if (options_.deferred) {
        deferred_.push_back(std::make_shared<Weight>(bytes, std::move(pack)));
        return parameter(name, std::move(shape), dtype, deferred_.back());
    }
    packed_.resize(bytes);
    pack(packed_.data());
    Buffer buffer = take(device_->allocate(packed_.size(), Intent::device));
    take(device_->write(buffer, packed_.data(), packed_.size()));
    return parameter(name, std::move(shape), dtype, std::move(buffer));
}

Tensor Weights::vector(const std::string& name, int64_t count) {
    const Found found = find(name, {count});
    return add({found.entry}, name, {count}, DType::f32, [found, count](std::byte* target) {
        found.read(0, count, reinterpret_cast<float*>(target));
    });
}

std::vector<Tensor> Weights::matrix(const std::string& name, int64_t in, int64_t out,
                                    const std::vector<int64_t>& kernel) {
    Shape in_file{out, in};
    in_file.dims.insert(in_file.dims.end(), kernel.begin(), kernel.end());
    const Found found = find(name, in_file);
    if (found.transposed && !kernel.empty())
        bad_tensor(found.file, name, "is a transposed convolution");

    Shape packed{std::vector<int64_t>(kernel)};
    packed.dims.push_back(in);
    const int64_t rows = packed.count(), window = rows / in;
    const bool quantised = kernel.empty() && !found.transposed && !found.norm &&
                           options_.storage == Storage::as_file &&
                           can_quantise(found.dtype, in, out);
    const DType dtype = quantised ? found.dtype : storage_for(found.dtype, out);
    // What reads no quantised matrix needs room for it in f16.
    const size_t column_bytes = size_t(rows) * size_of(quantised ? DType::f16 : dtype);
    std::vector<Tensor> parts;
    const int64_t part = part_of(out, column_bytes, device_->caps());
    for (int64_t first = 0; first < out; first += part) {
        const int64_t count = std::min(part, out - first);
        Shape shape = packed;
        shape.dims.push_back(count);
        if (quantised) {
            const Tensor weight =
                add({found.entry}, name, std::move(shape), dtype, [=](std::byte* target) {
                    found.read_quantised(first, count, in, target, 0, count);
                });
            parts.push_back(found.scale == 1 ? weight : scaled(weight, found.scale));
            continue;
        }
        parts.push_back(add({found.entry}, name, std::move(shape), dtype, [=](std::byte* target) {
            pack_as(dtype, target, [&](auto* values) {
                if (found.transposed)
                    pack_straight(found, first, count, in, out, values);
                else
                    pack_turned(found, first, count, in, window, values, 0, count);
            });
        }));
    }
    return parts;
}

std::vector<Tensor> Weights::transposed_kernel(const std::string& name, int64_t in, int64_t out,
                                               int64_t kernel) {
    const Found found = find(name, {in, out, kernel});
    const DType dtype = storage_for(found.dtype, out);
    std::vector<Tensor> parts;
    const int64_t part = part_of(out, size_t(kernel * in) * size_of(dtype), device_->caps());
    for (int64_t first = 0; first < out; first += part) {
        const int64_t count = std::min(part, out - first);
        parts.push_back(
            add({found.entry}, name, {kernel, in, count}, dtype, [=](std::byte* target) {
                pack_as(dtype, target, [&](auto* values) {
                    std::vector<std::decay_t<decltype(*values)>> block(size_t(count * kernel));
                    for (int64_t i = 0; i < in; i++) {
                        found.read((i * out + first) * kernel, count * kernel, block.data());
                        for (int64_t at = 0; at < count * kernel; at++)
                            values[(at % kernel * in + i) * count + at / kernel] = block[at];
                    }
                });
            }));
    }
    return parts;
}

std::vector<Weights::Found> Weights::find_all(const std::vector<std::string>& names,
                                              const Shape& expected) {
    std::vector<Found> all;
    for (const std::string& name : names) all.push_back(find(name, expected));
    return all;
}

static std::vector<TensorFiles::Entry> entries_of(const auto& all) {
    std::vector<TensorFiles::Entry> entries;
    for (const auto& found : all) entries.push_back(found.entry);
    return entries;
}

Tensor Weights::joined_vector(const std::vector<std::string>& names, int64_t count) {
    const std::vector<Found> all = find_all(names, {count});
    return add(entries_of(all), names[0], {count * int64_t(names.size())}, DType::f32,
               [all, count](std::byte* target) {
                   auto* values = reinterpret_cast<float*>(target);
                   for (const Found& found : all) {
                       found.read(0, count, values);
                       values += count;
                   }
               });
}

Tensor Weights::joined_matrix(const std::vector<std::string>& names, int64_t in, int64_t out) {
    const std::vector<Found> all = find_all(names, {out, in});
    const Found& first = all[0];
    const int64_t columns = out * int64_t(all.size());
    const bool quantised =
        options_.storage == Storage::as_file && can_quantise(first.dtype, in, out);
    for (const Found& found : all) {
        if (found.transposed || found.norm || found.dtype != first.dtype) return {};
        if (quantised && found.scale != first.scale) return {};
    }
    const DType dtype = quantised ? first.dtype : storage_for(first.dtype, out);
    const size_t column_bytes = size_t(in) * size_of(quantised ? DType::f16 : dtype);
    if (part_of(columns, column_bytes, device_->caps()) != columns) return {};
    auto pack = [=](std::byte* target) {
        for (size_t i = 0; i < all.size(); i++) {
            const int64_t at = int64_t(i) * out;
            if (quantised)
                all[i].read_quantised(0, out, in, target, at, columns);
            else
                pack_as(dtype, target, [&](auto* values) {
                    pack_turned(all[i], 0, out, in, 1, values, at, columns);
                });
        }
    };
    const Tensor weight = add(entries_of(all), names[0], {in, columns}, dtype, std::move(pack));
    return quantised && first.scale != 1 ? scaled(weight, first.scale) : weight;
}

std::vector<Tensor> Weights::table(const std::string& name, int64_t rows, int64_t columns) {
    const Found found = find(name, {rows, columns});
    const DType dtype = storage_for(found.dtype, columns);
    const size_t column_bytes = size_t(rows) * size_of(dtype);
    std::vector<Tensor> parts;
    const int64_t part = part_of(columns, column_bytes, device_->caps());
    for (int64_t first = 0; first < columns; first += part) {
        const int64_t count = std::min(part, columns - first);
        parts.push_back(add({found.entry}, name, {rows, count}, dtype, [=](std::byte* target) {
            pack_as(dtype, target, [&](auto* values) {
                pack_straight(found, first, count, rows, columns, values);
            });
        }));
    }
    return parts;
}

std::vector<std::string> unclaimed(const TensorFiles& files,
                                   const std::unordered_set<std::string>& claimed) {
    // With the tables of words that a text model has twice, or is fed without, and GPT-2's masks.
    constexpr std::string_view harmless[] = {
        "position_ids", "token_type_ids", "logit_scale",         "num_batches_tracked",
        "scaled_fp8",   ".scale_input",   ".input_scale",        ".comfy_quant",
        "wte.weight",   "lm_head.weight", "embed_tokens.weight", ".attn.masked_bias",
        ".attn.bias"};
    std::vector<std::string> left;
    for (const auto& [name, entry] : files.entries()) {
        const auto carries_nothing = [&key = name](std::string_view end) {
            return key.ends_with(end);
        };
        if (!claimed.contains(name) &&
            std::none_of(std::begin(harmless), std::end(harmless), carries_nothing))
            left.push_back(name);
    }
    return left;
}

}   // namespace kiln
