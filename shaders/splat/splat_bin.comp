#version 450
#extension GL_GOOGLE_include_directive : enable
// The tiles that each splat may be seen in, front to back: counted, and after a prefix sum over the
// counts emitted as pairs of a tile and a slot. One source decides both times; where the two
// compiled programs differ all the same, the slots left over get a tile beyond the last.
// Source: Radl et al. StopThePop. 2024, section 4.4: the point of a tile where the splat is
// strongest must reach the least alpha that is drawn.
#include "lib/splat.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const bool EMIT = false;

layout(set = 0, binding = 0) readonly buffer View { ViewBlock view; };
layout(set = 0, binding = 1) readonly buffer Order { uint order[]; };   // splats by depth
layout(set = 0, binding = 2) readonly buffer Records { vec4 records[]; };
layout(set = 0, binding = 3) buffer Counts { uint counts[]; };   // summed before they are emitted
layout(set = 0, binding = 4) writeonly buffer Tiles { uint pair_tiles[]; };
layout(set = 0, binding = 5) writeonly buffer Slots { uint pair_slots[]; };
layout(set = 0, binding = 6) writeonly buffer Owners { uint owners[]; };   // splat of each slot
layout(push_constant) uniform Args { uint capacity; uint pairs; } args;

void put(uint slot, uint tile, uint splat) {
    if (slot >= args.pairs) return;
    pair_tiles[slot] = tile;
    pair_slots[slot] = slot;
    owners[slot] = splat;
}

void main() {
    uint j = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (j > args.capacity) return;
    if (j >= view.size.z) {
        if (!EMIT) counts[j] = 0u;
        return;
    }
    uint splat = order[j];
    vec4 form = records[kRecord * splat + 1u];
    uvec2 tiles = tiles_of(view.size);
    uint slot = EMIT ? counts[j] : 0u, end = EMIT ? counts[j + 1u] : 0xffffffffu;
    if (form.w >= 0.0) {
        vec2 centre = records[kRecord * splat].xy;
        vec2 extent = vec2(records[kRecord * splat + 2u].w, records[kRecord * splat + 3u].w);
        vec2 most = vec2(tiles);
        uvec2 low = uvec2(clamp(floor((centre - extent) / float(kTile)), vec2(0.0), most));
        uvec2 high = uvec2(clamp(floor((centre + extent) / float(kTile)) + 1.0, vec2(0.0), most));
        for (uint y = low.y; y < high.y; y++)
            for (uint x = low.x; x < high.x; x++) {
                vec2 corner = vec2(x, y) * float(kTile) + 0.5;
                float least = least_form(centre, form.xyz, corner, corner + float(kTile - 1u));
                if (!reaches(least, form.w)) continue;
                if (EMIT && slot < end) put(slot, y * tiles.x + x, splat);
                slot++;
            }
    }
    if (!EMIT) counts[j] = slot;
    for (; EMIT && slot < min(end, args.pairs); slot++) put(slot, tiles.x * tiles.y, splat);
}
