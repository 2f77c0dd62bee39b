// The unit that a kernel of elements works in: a four-vector or, with SCALAR (f32 only), one
// element for extents that are not multiples of four. Indices and strides are then in units.
#ifndef KILN_UNIT_GLSL
#define KILN_UNIT_GLSL

#include "lib/storage.glsl"

#ifdef SCALAR
#define UNIT float
#define UNIT_TEST bool
#define STORED float
const uint kUnit = 1u;
float load(float v) { return v; }
float store(float v) { return v; }
float total(float v) { return v; }
float largest(float v) { return v; }
bool less_than(float a, float b) { return a < b; }
#define ELEMENT(buffer_, i) buffer_[i]
#else
#define UNIT vec4
#define UNIT_TEST bvec4
#define STORED STORAGE4
const uint kUnit = 4u;
vec4 load(STORED v) { return load4(v); }
STORED store(vec4 v) { return store4(v); }
float total(vec4 v) { return (v.x + v.y) + (v.z + v.w); }
float largest(vec4 v) { return max(max(v.x, v.y), max(v.z, v.w)); }
bvec4 less_than(vec4 a, vec4 b) { return lessThan(a, b); }
#if defined(STORAGE_F16) || defined(STORAGE_BF16)
float element_of(uvec2 v, uint i) { return load4(v)[i & 3u]; }
#else
float element_of(vec4 v, uint i) { return v[i & 3u]; }
#endif
// One element of a buffer of four-vectors, by its index in elements.
#define ELEMENT(buffer_, i) element_of(buffer_[(i) >> 2], i)
#endif

#endif
