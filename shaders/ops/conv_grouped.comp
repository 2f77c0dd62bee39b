#version 450
// Convolution in groups of any width, such as depthwise: four neighbouring results an invocation.
#extension GL_GOOGLE_include_directive : require
#include "lib/storage.glsl"

layout(local_size_x = 64) in;
layout(constant_id = 0) const uint X_HALF = 0;      // f16 storage
layout(constant_id = 1) const uint W_HALF = 0;
layout(constant_id = 2) const uint BIAS = 0;        // 0: none, 1: f32, 2: f16
layout(constant_id = 3) const uint Y_HALF = 0;      // channels_out is a multiple of four then

layout(set = 0, binding = 0) readonly buffer X { uint x[]; };
layout(set = 0, binding = 1) readonly buffer W { uint w[]; };
layout(set = 0, binding = 2) readonly buffer Bias { uint bias[]; };
layout(set = 0, binding = 3) writeonly buffer Y { uint y[]; };

layout(push_constant) uniform Args {
    uint images, groups, channels_in, channels_out;
    uint in_size[3];                                // depth, height, width
    uint out_size[3];
    uint taps[3];
    uint stride[3];
    uint dilation[3];
    uint pad[3];
};

#define ELEMENT(buffer_, half_, index) \
    (half_ ? half_of(buffer_[(index) / 2], index) : uintBitsToFloat(buffer_[index]))

// One result: the pixel whose first tap is at `corner`, and an output channel.
float result(uint image, ivec3 corner, uint channel) {
    uint width = channels_in / groups, first = channel / (channels_out / groups) * width;
    ivec3 size = ivec3(in_size[0], in_size[1], in_size[2]);
    float sum = BIAS != 0 ? ELEMENT(bias, BIAS == 2, channel) : 0.0;
    uint count = taps[0] * taps[1] * taps[2];
    for (uint tap = 0; tap < count; tap++) {
        uvec3 offset = uvec3(tap / (taps[1] * taps[2]), tap / taps[2] % taps[1], tap % taps[2]);
        ivec3 at = corner + ivec3(offset * uvec3(dilation[0], dilation[1], dilation[2]));
        if (any(lessThan(at, ivec3(0))) || any(greaterThanEqual(at, size))) continue;
        uint pixel = ((image * size.x + at.x) * size.y + at.y) * size.z + at.z;
        uint from = pixel * channels_in + first;
        uint weight = tap * width * channels_out + channel;
        for (uint c = 0; c < width; c++)
            sum += ELEMENT(x, X_HALF != 0, from + c)
                * ELEMENT(w, W_HALF != 0, weight + c * channels_out);
    }
    return sum;
}

void main() {
    uint group = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
    uint item = group * 64 + gl_LocalInvocationID.x;
    uint across = (channels_out + 3) / 4, channel = item % across * 4, row = item / across;
    uint px = row % out_size[2], py = row / out_size[2] % out_size[1];
    uint plane = row / (out_size[2] * out_size[1]);
    uint pz = plane % out_size[0], image = plane / out_size[0];
    if (image >= images) return;
    ivec3 corner = ivec3(uvec3(pz, py, px) * uvec3(stride[0], stride[1], stride[2]))
        - ivec3(pad[0], pad[1], pad[2]);
    vec4 value = vec4(0.0);
    uint count = min(channels_out - channel, 4);
    for (uint i = 0; i < count; i++) value[i] = result(image, corner, channel + i);
    uint to = row * channels_out + channel;
    if (Y_HALF != 0) {
        uvec2 packed = pack_f16(value);
        y[to / 2] = packed.x;
        y[to / 2 + 1] = packed.y;
        return;
    }
    for (uint i = 0; i < count; i++) y[to + i] = floatBitsToUint(value[i]);
}
