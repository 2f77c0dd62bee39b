#version 450
#extension GL_GOOGLE_include_directive : enable
// Where the pairs of each tile begin and end, by bisection of the sorted tiles; one tile more than
// the picture has takes the slots that were left over.
#include "lib/splat.glsl"

layout(local_size_x = 128) in;
layout(set = 0, binding = 0) readonly buffer View { ViewBlock view; };
layout(set = 0, binding = 1) readonly buffer Tiles { uint pair_tiles[]; };
layout(set = 0, binding = 2) readonly buffer Counts { uint counts[]; };
layout(set = 0, binding = 3) writeonly buffer Ranges { uvec2 ranges[]; };
layout(push_constant) uniform Args { uint capacity; uint pairs; } args;

uint first_not_below(uint tile, uint count) {
    uint low = 0u, high = count;
    while (low < high) {
        uint middle = (low + high) / 2u;
        if (pair_tiles[middle] < tile) low = middle + 1u;
        else high = middle;
    }
    return low;
}

void main() {
    uvec2 tiles = tiles_of(view.size);
    uint tile = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (tile > tiles.x * tiles.y) return;
    uint count = min(counts[args.capacity], args.pairs);
    ranges[tile] = uvec2(first_not_below(tile, count), first_not_below(tile + 1u, count));
}
