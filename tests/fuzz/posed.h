// What holds of any bytes as cameras of pictures: either refused, or poses that can be turned.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "modalities/splat/posed/check.h"
#include "modalities/splat/posed/colmap.h"
#include "modalities/splat/posed/lens.h"

namespace kiln::test {

inline void fuzz_posed(Result<PosedSet> set) {
    if (!set) {
        if (set.error().status != Status::bad_file) std::abort();
        return;
    }
    const auto check = [&] {
        for (const PosedPicture& p : set->pictures)
            if (!check_picture(p, "fuzz")) std::abort();
        for (const float x : set->points.positions)
            if (!std::isfinite(x)) std::abort();
    };
    check();
    if (set->points.colours.size() != set->points.positions.size()) std::abort();
    for (size_t i = 0; i < std::min<size_t>(set->pictures.size(), 4); i++) {
        const auto lens = lens_at(set->pictures[i].lens, 24, 16, "fuzz");
        if (!lens || !lens->distorted()) continue;
        const auto target = straight(*lens, "fuzz");
        if (target) (void)straightened({24, 16, 1, std::vector<uint8_t>(24 * 16)}, *lens, *target);
    }
    if (set->pictures.empty()) return;
    turn(*set, Up::automatic);
    check();
    const Focus focus = focus_of(*set);
    if (!std::isfinite(focus.radius) || !std::isfinite(focus.centre[0])) std::abort();
}

// Three files in one: two lengths, then the bytes.
inline void fuzz_colmap(std::span<const std::byte> bytes, bool binary) {
    uint16_t lengths[2];
    if (bytes.size() < sizeof lengths) return;
    std::memcpy(lengths, bytes.data(), sizeof lengths);
    bytes = bytes.subspan(sizeof lengths);
    ColmapFiles files{.folder = "fuzz"};
    files.binary = binary, files.has_points = true;
    files.cameras = bytes.first(std::min<size_t>(lengths[0], bytes.size()));
    bytes = bytes.subspan(files.cameras.size());
    files.images = bytes.first(std::min<size_t>(lengths[1], bytes.size()));
    files.points = bytes.subspan(files.images.size());
    fuzz_posed(parse_colmap(files));
}

}   // namespace kiln::test
