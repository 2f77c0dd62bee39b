// Splats as .spz, about a tenth of a PLY: quantised, attribute by attribute, and compressed.
// Source: github.com/nianticlabs/spz (the README, of versions 2 to 4 of the format).
//
// Little endian: u32 "NGSP", version, count; u8 degree, fractional bits, flags (1 antialiased, 2
// extensions follow), 0. Then of all splats
//   means        3 signed 24-bit integers each, in steps of 2^-fractional bits
//   opacities    255 opacity
//   colours      255 (0.15 c_0 + 0.5)
//   scales       16 (log scale + 10): -10 to 5.9375 in steps of 1/16
//   rotations    version 2: 127.5 v + 127.5 of x y z, w >= 0 is what is left of length one;
//                since version 3: u32, the place of the largest of x y z w in its top two bits,
//                then of the others in order 1 bit sign against it and 9 bits 511 sqrt(2) |v|
//   harmonics    128 c + 128, r g b fastest, coefficients 1 to 15 after: -1 to 127/128, of degree
//                1 to multiples of 8, of the others to multiples of 16
// and all of it gzipped. Version 4 is not, and has after its flags u8 the number of streams, u32
// where their table begins, 12 zeros; extensions; the table, of each stream u64 its packed and its
// unpacked size; and each of the six arrays as a frame of Zstandard.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "modalities/splat/splats.h"
#include "runtime/base/result.h"

namespace kiln {

// Values are as they stand: not checked, axes as in the file.
Result<Splats> parse_spz(std::span<const std::byte> bytes, const std::string& where,
                         size_t max_splats);
// Means in steps of 2^-12 (a quarter of a millimetre), or coarser ones where they lie beyond 2048
// m.
Result<std::vector<std::byte>> spz_bytes(const Splats& splats, int version);

}   // namespace kiln
