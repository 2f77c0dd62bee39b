// What holds of any bytes as splats: either refused, or splats that every format can hold, and that
// PLY gives back as they are.
#pragma once
#include <cstdlib>

#include "modalities/splat/assets/asset.h"

namespace kiln::test {

inline void fuzz_splats(std::span<const std::byte> bytes, const char* name) {
    constexpr size_t most = 4096;
    const auto splats = decode_splats(bytes, name, {.max_splats = most});
    if (!splats) {
        if (splats.error().status != Status::bad_file) std::abort();
        return;
    }
    if (splats->size() > most || !check_splats(*splats)) std::abort();
    for (const SplatFormat format : kSplatFormats) {
        const auto written = encode_splats(*splats, format);
        if (!written) {
            if (written.error().status != Status::usage) std::abort();
            continue;
        }
        // A .splat has no beginning of its own: some numbers look like another file's.
        const std::string_view text(reinterpret_cast<const char*>(written->data()),
                                    written->size());
        if (format == SplatFormat::splat &&
            (text.starts_with("ply") || text.starts_with("glTF") || text.starts_with("NGSP") ||
             text.starts_with("\x1f\x8b\x08")))
            continue;
        const auto again = decode_splats(*written, "again." + std::string(extension(format)),
                                         {.max_splats = most});
        if (!again || again->size() != splats->size()) std::abort();
        if (format == SplatFormat::ply &&
            (again->means != splats->means || again->sh != splats->sh ||
             again->quaternions != splats->quaternions || again->logits != splats->logits ||
             again->log_scales != splats->log_scales))
            std::abort();
    }
}

}   // namespace kiln::test
