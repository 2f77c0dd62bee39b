#version 450
#extension GL_GOOGLE_include_directive : enable
// Which of each tile's pairs belong to one part of a backward pass: those of the splats whose first
// slot is in [first, end). Splats hold their slots in the order of depth and tiles list theirs so,
// hence a part is a range of every list, and goes on where the part before it ended.
#include "lib/splat.glsl"

layout(local_size_x = 128) in;
layout(set = 0, binding = 0) readonly buffer View { ViewBlock view; };
layout(set = 0, binding = 1) readonly buffer Counts { uint counts[]; };   // summed
layout(set = 0, binding = 2) readonly buffer Ranges { uvec2 ranges[]; };
layout(set = 0, binding = 3) readonly buffer Slots { uint pair_slots[]; };
layout(set = 0, binding = 4) writeonly buffer Parts { uvec4 parts[]; };   // all of a tile, this
layout(push_constant) uniform Args { uint capacity; uint first; uint end; } args;

// Where the splats begin whose first slot is not below that.
uint first_slot(uint slot) {
    uint low = 0u, high = args.capacity;
    while (low < high) {
        uint middle = (low + high) / 2u;
        if (counts[middle] < slot) low = middle + 1u;
        else high = middle;
    }
    return max(counts[low], slot);
}

uint first_pair(uvec2 range, uint slot) {
    while (range.x < range.y) {
        uint middle = (range.x + range.y) / 2u;
        if (pair_slots[middle] < slot) range.x = middle + 1u;
        else range.y = middle;
    }
    return range.x;
}

void main() {
    uvec2 tiles = tiles_of(view.size);
    uint tile = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (tile > tiles.x * tiles.y) return;
    uvec2 range = ranges[tile];
    parts[tile] = uvec4(range, first_pair(range, first_slot(args.first)),
                        first_pair(range, first_slot(args.end)));
}
