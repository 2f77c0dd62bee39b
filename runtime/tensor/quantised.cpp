#include "runtime/tensor/quantised.h"

#include <array>
#include <cmath>
#include <cstring>

#include "runtime/base/check.h"

namespace kiln {
namespace {

// Where the planes begin, in words.
struct Planes {
    int64_t d, dmin, upper, scales, minima, end;
};

Planes planes_of(const BlockFormat& f, int64_t in, int64_t out) {
    const int64_t columns = out / 4, units = in / 4 * columns;
    Planes p{};
    p.d = units * (f.bits == 8 ? 4 : 2);
    p.dmin = p.d + in / f.elements * columns * 2;
    p.upper = f.has_minima ? p.dmin + (p.dmin - p.d) : p.dmin;
    p.scales = p.upper + (f.bits == 5 ? units / 2 : f.bits == 6 ? units : 0);
    p.minima = p.scales + (f.has_scales ? in / f.group * columns : 0);
    p.end = p.minima + (f.has_scales && f.has_minima ? in / f.group * columns : 0);
    return p;
}

using Four = std::array<BlockValues, 4>;   // one block of each of four columns

uint32_t halves(float low, float high) {
    return uint32_t(f16_from_f32(low)) | uint32_t(f16_from_f32(high)) << 16;
}

template <class Value>
uint32_t bytes(Value value) {
    uint32_t word = 0;
    for (int c = 0; c < 4; c++) word |= uint32_t(uint8_t(value(c))) << 8 * c;
    return word;
}

class Packer {
public:
    Packer(const BlockFormat& f, int64_t in, int64_t out, uint32_t* words)
        : f_(f), columns_(out / 4), planes_(planes_of(f, in, out)), words_(words) {}

    // `block` counts blocks along k.
    void put(const Four& four, int64_t block, int64_t column) {
        const int64_t d = 2 * (block * columns_ + column);
        for (int pair = 0; pair < 2; pair++) {
            const BlockValues &low = four[2 * pair], &high = four[2 * pair + 1];
            words_[planes_.d + d + pair] = halves(low.d, high.d);
            if (f_.has_minima) words_[planes_.dmin + d + pair] = halves(low.dmin, high.dmin);
        }
        for (int k4 = 0; k4 < f_.elements / 4; k4++)
            put_codes(four, k4, block * f_.elements / 4 + k4, column);
        if (!f_.has_scales) return;
        const int groups = f_.elements / f_.group;
        for (int g = 0; g < groups; g++) {
            const int64_t at = (block * groups + g) * columns_ + column;
            words_[planes_.scales + at] = bytes([&](int c) { return four[c].scales[g]; });
            if (f_.has_minima)
                words_[planes_.minima + at] = bytes([&](int c) { return four[c].minima[g]; });
        }
    }

private:
    // The codes of four k, from `local` in their block and k4 in the matrix.
    void put_codes(const Four& four, int local, int64_t k4, int64_t column) {
        uint32_t code[4];
        for (int c = 0; c < 4; c++)
            std::memcpy(&code[c], four[c].codes.data() + 4 * local, sizeof code[c]);
        const int64_t unit = k4 * columns_ + column;
        if (f_.bits == 8) {
            std::memcpy(words_ + 4 * unit, code, sizeof code);
            return;
        }
        constexpr uint32_t kLow = 0x0f0f0f0f;
        for (int pair = 0; pair < 2; pair++)
            words_[2 * unit + pair] = (code[2 * pair] & kLow) | (code[2 * pair + 1] & kLow) << 4;
        if (f_.bits == 5) {
            uint32_t& word = words_[planes_.upper + k4 / 2 * columns_ + column];
            if (k4 % 2 == 0) word = 0;
            for (int c = 0; c < 4; c++) word |= (code[c] >> 4 & 0x01010101u) << (c + 4 * (k4 % 2));
        }
        if (f_.bits == 6) {
            uint32_t& word = words_[planes_.upper + unit];
            word = 0;
            for (int c = 0; c < 4; c++) word |= (code[c] >> 4 & 0x03030303u) << 2 * c;
        }
    }

    const BlockFormat& f_;
    int64_t columns_;
    Planes planes_;
    uint32_t* words_;
};

// fp8 keeps its rows [in][columns], a word for four columns.
void turn_bytes(const std::byte* source, int64_t in, int64_t rows, std::byte* target,
                int64_t columns) {
    constexpr int64_t kTile = 64;
    for (int64_t k0 = 0; k0 < in; k0 += kTile)
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = k0; k < std::min(in, k0 + kTile); k++)
                target[k * columns + r] = source[r * in + k];
}

bool all_finite(DType dtype, const std::byte* source, int64_t count) {
    const bool e4m3 = dtype == DType::f8_e4m3;
    for (int64_t i = 0; i < count; i++) {
        const int v = int(source[i]) & 0x7f;
        if (e4m3 ? v == 0x7f : v >= 0x7c) return false;
    }
    return true;
}

}   // namespace

bool is_quantised(DType dtype) {
    return is_block(dtype) || dtype == DType::f8_e4m3 || dtype == DType::f8_e5m2;
}

bool can_quantise(DType dtype, int64_t in, int64_t out) {
    const int64_t whole = is_block(dtype) ? block_format(dtype).elements : 4;
    return is_quantised(dtype) && in % whole == 0 && out % 4 == 0;
}

uint64_t stored_bytes(DType dtype, const Shape& shape) {
    if (!is_block(dtype)) return uint64_t(shape.count()) * size_of(dtype);
    ensure(shape.rank() == 2 && can_quantise(dtype, shape[0], shape[1]),
           "a matrix of whole blocks");
    return uint64_t(planes_of(block_format(dtype), shape[0], shape[1]).end) * sizeof(uint32_t);
}

bool pack_quantised(DType dtype, const std::byte* source, int64_t in, int64_t rows,
                    std::byte* target, int64_t first, int64_t columns) {
    ensure(can_quantise(dtype, in, rows) && can_quantise(dtype, in, columns) && first % 4 == 0,
           "a matrix that can be quantised");
    if (!is_block(dtype)) {
        turn_bytes(source, in, rows, target + first, columns);
        return all_finite(dtype, source, in * rows);
    }
    const BlockFormat& f = block_format(dtype);
    Packer packer(f, in, columns, reinterpret_cast<uint32_t*>(target));
    const int64_t blocks = in / f.elements;
    bool finite = true;
    Four four;
    for (int64_t r = 0; r < rows; r += 4)
        for (int64_t b = 0; b < blocks; b++) {
            for (int64_t c = 0; c < 4; c++) {
                unpack_block(f, source + ((r + c) * blocks + b) * f.bytes, four[size_t(c)]);
                finite &= std::isfinite(four[size_t(c)].d) && std::isfinite(four[size_t(c)].dmin);
            }
            packer.put(four, b, (first + r) / 4);
        }
    return finite;
}

std::vector<std::byte> quantised_from_f32(DType dtype, int64_t in, int64_t out,
                                          const float* values) {
    std::vector<float> rows(static_cast<size_t>(in * out));
    for (int64_t k = 0; k < in; k++)
        for (int64_t n = 0; n < out; n++) rows[size_t(n * in + k)] = values[k * out + n];
    std::vector<std::byte> blocks(bytes_of(dtype, in * out)),
        packed(stored_bytes(dtype, {in, out}));
    from_f32(dtype, rows.data(), blocks.data(), rows.size());
    ensure(pack_quantised(dtype, blocks.data(), in, out, packed.data(), 0, out), "finite values");
    return packed;
}

}   // namespace kiln
