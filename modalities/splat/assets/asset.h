// Files of splats: .ply, .splat, .spz and .glb in and out.
//
//   format  keeps                                      axes  source
//   ply     everything, f32                            RDF   the layout of Kerbl et al. 2023
//   splat   no harmonics but the constant; 8 bits but  RDF   github.com/antimatter15/splat
//           for means and scales; sorted by weight
//   spz     everything, quantised and compressed       RUB   github.com/nianticlabs/spz
//   glb     all but Splats::antialiased, f32           RUB   KHR_gaussian_splatting, glTF 2.0
//
// Files do not say which way their axes point; the table has what their fields agree on. A file
// made with other ones can be read and written by naming them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/splat/assets/axes.h"
#include "modalities/splat/splats.h"
#include "runtime/base/result.h"

namespace kiln {

enum class SplatFormat : uint8_t { ply, splat, spz, glb };
inline constexpr SplatFormat kSplatFormats[] = {SplatFormat::ply, SplatFormat::splat,
                                                SplatFormat::spz, SplatFormat::glb};

std::string_view extension(SplatFormat format);    // "ply"
std::string_view media_type(SplatFormat format);   // "model/x-ply"
Axes default_axes(SplatFormat format);
Result<SplatFormat> splat_format(std::string_view extension);   // "PLY", "spz"; else usage

struct SplatReadOptions {
    std::optional<Axes> axes;              // of the file; default_axes
    size_t max_splats = size_t(1) << 24;   // more are refused
};

// Any of the formats, told apart by how they begin; .splat, which has no beginning, by the name
// `where`, which also begins every message. What is none of them, cut short, lies about a size,
// lacks a property, holds NaN, or infinity where no bound could stand for it: Status::bad_file.
// Memory follows what is in the file, never what a header claims.
//
// Opacities of 0 and 1 and axes without length, which logarithms make infinite, become kMaxLogit
// and kMinLogScale; a quaternion of length zero, which turns nothing, becomes (1, 0, 0, 0).
Result<Splats> decode_splats(std::span<const std::byte> bytes, const std::string& where,
                             const SplatReadOptions& options = {});
Result<Splats> read_splats(const std::string& path, const SplatReadOptions& options = {});

inline constexpr float kMaxLogit = 30, kMinLogScale = -30, kMaxLogScale = 30;

struct SplatWriteOptions {
    std::optional<Axes> axes;   // of the file; default_axes
    int spz_version = 3;   // or 2, whose rotations are coarser, or 4, which is newer and smaller
};

// Values beyond what a format can hold are clamped to it. Splats that are not finite:
// Status::not_finite; positions too far apart for .spz, more splats than a file can count, a
// version of .spz that is not written: Status::usage.
Result<std::vector<std::byte>> encode_splats(const Splats& splats, SplatFormat format,
                                             const SplatWriteOptions& options = {});
// The file appears whole or not at all; its format is that of the path's extension.
Result<void> write_splats(const std::string& path, const Splats& splats,
                          const SplatWriteOptions& options = {});

// Status::not_finite, naming the splat, unless all is finite, no log-scale is above kMaxLogScale
// and every quaternion has a length.
Result<void> check_splats(const Splats& splats);

}   // namespace kiln
