#include "runtime/base/dtype.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "runtime/base/blocks.h"
#include "runtime/base/check.h"

namespace kiln {

size_t size_of(DType type) {
    switch (type) {
        case DType::f32:
        case DType::i32:
        case DType::u32: return 4;
        case DType::f16:
        case DType::bf16:
        case DType::i16:
        case DType::u16: return 2;
        case DType::f8_e4m3:
        case DType::f8_e5m2:
        case DType::u8:
        case DType::i8:
        case DType::boolean: return 1;
        case DType::i64:
        case DType::u64:
        case DType::f64: return 8;
        default: break;
    }
    ensure(false, "a type whose elements have a size");
    return 0;
}

bool is_block(DType type) { return type >= DType::q8_0; }

size_t bytes_of(DType type, int64_t count) {
    if (!is_block(type)) return size_t(count) * size_of(type);
    const BlockFormat& format = block_format(type);
    ensure(count % format.elements == 0, "whole blocks");
    return size_t(count / format.elements) * size_t(format.bytes);
}

std::string_view name_of(DType type) {
    switch (type) {
        case DType::f32: return "f32";
        case DType::f16: return "f16";
        case DType::bf16: return "bf16";
        case DType::f8_e4m3: return "f8_e4m3";
        case DType::f8_e5m2: return "f8_e5m2";
        case DType::i32: return "i32";
        case DType::u32: return "u32";
        case DType::i64: return "i64";
        case DType::u64: return "u64";
        case DType::u8: return "u8";
        case DType::i8: return "i8";
        case DType::i16: return "i16";
        case DType::u16: return "u16";
        case DType::boolean: return "bool";
        case DType::f64: return "f64";
        default: return block_format(type).name;
    }
    return "?";
}

bool is_float(DType type) {
    switch (type) {
        case DType::f32:
        case DType::f16:
        case DType::bf16:
        case DType::f8_e4m3:
        case DType::f8_e5m2:
        case DType::f64: return true;
        default: return is_block(type);
    }
}

// A small float of `exponent` and `mantissa` bits; `largest` is the magnitude bits of its largest
// finite value.
struct SmallFloat {
    int exponent, mantissa;
    uint32_t largest, nan;
};
constexpr SmallFloat kF16{5, 10, 0x7bff, 0x7e00}, kE4M3{4, 3, 0x7e, 0x7f}, kE5M2{5, 2, 0x7b, 0x7f};

static uint32_t encode(float value, const SmallFloat& f) {
    uint32_t sign = (std::bit_cast<uint32_t>(value) >> 31) << (f.exponent + f.mantissa);
    if (std::isnan(value)) return sign | f.nan;
    int bias = (1 << (f.exponent - 1)) - 1, e = 0;
    float magnitude = std::fabs(value);
    if (magnitude == 0) return sign;
    if (std::isinf(magnitude)) return sign | f.largest;
    std::frexp(magnitude, &e);
    int exponent = std::max(e - 1, 1 - bias);
    double steps = std::nearbyint(std::ldexp(double(magnitude), f.mantissa - exponent));
    uint32_t whole = uint32_t(
        steps);   // 2^mantissa .. 2^(mantissa+1) when normal; a carry moves the exponent by itself
    uint32_t bits =
        whole < (1u << f.mantissa) ? whole : (uint32_t(exponent + bias - 1) << f.mantissa) + whole;
    return sign | std::min(bits, f.largest);
}

static float decode(uint32_t bits, const SmallFloat& f, bool has_infinity) {
    int bias = (1 << (f.exponent - 1)) - 1;
    uint32_t mantissa = bits & ((1u << f.mantissa) - 1),
             exponent = (bits >> f.mantissa) & ((1u << f.exponent) - 1);
    float sign = bits >> (f.exponent + f.mantissa) & 1 ? -1.0f : 1.0f;
    bool top = exponent == (1u << f.exponent) - 1;
    if (has_infinity && top) return mantissa ? NAN : sign * INFINITY;
    if (!has_infinity && top && mantissa == (1u << f.mantissa) - 1) return NAN;
    if (exponent == 0) return sign * std::ldexp(float(mantissa), 1 - bias - f.mantissa);
    return sign *
           std::ldexp(float(mantissa | (1u << f.mantissa)), int(exponent) - bias - f.mantissa);
}

uint16_t f16_from_f32(float value) { return uint16_t(encode(value, kF16)); }
uint8_t e4m3_from_f32(float value) { return uint8_t(encode(value, kE4M3)); }
uint8_t e5m2_from_f32(float value) { return uint8_t(encode(value, kE5M2)); }
float f32_from_e4m3(uint8_t bits) { return decode(bits, kE4M3, false); }
float f32_from_e5m2(uint8_t bits) { return decode(bits, kE5M2, true); }

float f32_from_f16(uint16_t bits) {
    uint32_t sign = uint32_t(bits & 0x8000) << 16, rest = bits & 0x7fff;
    if (rest >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000u | ((rest & 0x3ff) << 13));
    float scaled =
        std::bit_cast<float>(rest << 13) * std::bit_cast<float>(0x77800000u);   // times 2^112
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(scaled));
}

uint16_t bf16_from_f32(float value) {
    uint32_t bits = std::bit_cast<uint32_t>(value);
    if (std::isnan(value)) return uint16_t((bits >> 16) | 0x40);
    return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
float f32_from_bf16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

template <class T, class F>
static void read_each(const void* source, float* target, size_t count, F convert) {
    auto* bytes = static_cast<const unsigned char*>(source);
    for (size_t i = 0; i < count; i++) {
        T value;
        std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
        target[i] = float(convert(value));
    }
}

void to_f32(DType type, const void* source, float* target, size_t count) {
    auto by_value = [](auto v) { return v; };
    switch (type) {
        case DType::f32: return read_each<float>(source, target, count, by_value);
        case DType::f16: return read_each<uint16_t>(source, target, count, f32_from_f16);
        case DType::bf16: return read_each<uint16_t>(source, target, count, f32_from_bf16);
        case DType::f8_e4m3: return read_each<uint8_t>(source, target, count, f32_from_e4m3);
        case DType::f8_e5m2: return read_each<uint8_t>(source, target, count, f32_from_e5m2);
        case DType::i32: return read_each<int32_t>(source, target, count, by_value);
        case DType::u32: return read_each<uint32_t>(source, target, count, by_value);
        case DType::i64: return read_each<int64_t>(source, target, count, by_value);
        case DType::u64: return read_each<uint64_t>(source, target, count, by_value);
        case DType::i16: return read_each<int16_t>(source, target, count, by_value);
        case DType::u16: return read_each<uint16_t>(source, target, count, by_value);
        case DType::i8: return read_each<int8_t>(source, target, count, by_value);
        case DType::u8: return read_each<uint8_t>(source, target, count, by_value);
        case DType::boolean:
            return read_each<uint8_t>(source, target, count, [](uint8_t v) { return v != 0; });
        case DType::f64: return read_each<double>(source, target, count, by_value);
        default: return blocks_to_f32(type, source, target, count);
    }
}

void to_f32(DType type, const void* source, size_t first, size_t count, float* target) {
    const auto* bytes = static_cast<const std::byte*>(source);
    if (!is_block(type)) return to_f32(type, bytes + first * size_of(type), target, count);
    const size_t elements = size_t(block_format(type).elements);
    float values[256];
    while (count > 0) {
        const size_t skip = first % elements;
        size_t taken = count / elements * elements;   // whole blocks go straight to the target
        const std::byte* block = bytes + bytes_of(type, int64_t(first - skip));
        if (skip == 0 && taken > 0) {
            to_f32(type, block, target, taken);
        } else {
            taken = std::min(count, elements - skip);
            to_f32(type, block, values, elements);
            std::copy_n(values + skip, taken, target);
        }
        first += taken, target += taken, count -= taken;
    }
}

template <class T, class F>
static void write_each(const float* source, void* target, size_t count, F convert) {
    auto* bytes = static_cast<unsigned char*>(target);
    for (size_t i = 0; i < count; i++) {
        T value = T(convert(source[i]));
        std::memcpy(bytes + i * sizeof(T), &value, sizeof(T));
    }
}

void from_f32(DType type, const float* source, void* target, size_t count) {
    switch (type) {
        case DType::f32: return write_each<float>(source, target, count, [](float v) { return v; });
        case DType::f16: return write_each<uint16_t>(source, target, count, f16_from_f32);
        case DType::bf16: return write_each<uint16_t>(source, target, count, bf16_from_f32);
        case DType::f8_e4m3: return write_each<uint8_t>(source, target, count, e4m3_from_f32);
        case DType::f8_e5m2: return write_each<uint8_t>(source, target, count, e5m2_from_f32);
        case DType::i32:
            return write_each<int32_t>(source, target, count, [](float v) { return v; });
        case DType::f64:
            return write_each<double>(source, target, count, [](float v) { return v; });
        default: ensure(is_block(type), "a type that floats are written to");
    }
    blocks_from_f32(type, source, target, count);
}

}   // namespace kiln
