// Storage types of tensors. Arithmetic is always f32; these say only how a value lies in memory.
// The types from q8_0 on store blocks of values that share a scale: runtime/base/blocks.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kiln {

enum class DType : uint8_t {
    f32,
    f16,
    bf16,
    f8_e4m3,
    f8_e5m2,
    i32,
    u32,
    i64,
    u8,
    boolean,
    f64,
    i16,
    u16,
    i8,
    u64,
    q8_0,
    q4_0,
    q4_1,
    q5_0,
    q5_1,
    q4_k,
    q5_k,
    q6_k
};

bool is_block(DType type);
inline bool is_16_bit(DType type) { return type == DType::f16 || type == DType::bf16; }   // floats
size_t size_of(DType type);   // bytes of one element; not for block types
// Bytes of `count` elements one after the other, whole blocks as a file keeps them.
size_t bytes_of(DType type, int64_t count);
std::string_view name_of(DType type);   // "f32", "f16", ...
bool is_float(DType type);              // block types included

// One value to and from its storage bits. Conversions from f32 round to nearest even; f16 and
// fp8 saturate at their largest finite value instead of becoming infinite; NaN stays NaN.
uint16_t f16_from_f32(float value);
float f32_from_f16(uint16_t bits);
uint16_t bf16_from_f32(float value);
float f32_from_bf16(uint16_t bits);
uint8_t e4m3_from_f32(float value);   // the "fn" form: no infinities, 0x7f is NaN, largest 448
float f32_from_e4m3(uint8_t bits);
uint8_t e5m2_from_f32(float value);   // largest finite 57344
float f32_from_e5m2(uint8_t bits);

// `count` elements of `type` at `source` (any alignment) as f32; integer types convert by value. Of
// block types `count` fills whole blocks.
void to_f32(DType type, const void* source, float* target, size_t count);
// The same for elements [first, first + count) of a tensor that begins at `source`; any range.
void to_f32(DType type, const void* source, size_t first, size_t count, float* target);
void from_f32(DType type, const float* source, void* target, size_t count);

}   // namespace kiln
