// FNV-1a, 64 bits: for cache keys, never for integrity. http://www.isthe.com/chongo/tech/comp/fnv
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace kiln {

constexpr uint64_t kHashSeed = 0xcbf29ce484222325ull;

inline uint64_t hash_bytes(std::span<const std::byte> bytes, uint64_t seed = kHashSeed) {
    for (std::byte b : bytes) seed = (seed ^ uint64_t(b)) * 0x100000001b3ull;
    return seed;
}

}   // namespace kiln
