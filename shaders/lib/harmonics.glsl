// Real spherical harmonics up to degree 3 of a unit direction, and their slopes.
// Source: Kerbl et al. 3D Gaussian Splatting, 2023; basis of Sloan, Stupid Spherical Harmonics
// Tricks, 2008, appendix A2, with the Condon-Shortley phase.
#ifndef KILN_HARMONICS_GLSL
#define KILN_HARMONICS_GLSL

const float kSh0 = 0.28209479177387814, kSh1 = 0.4886025119029199;
const float kSh2a = 1.0925484305920792, kSh2b = 0.31539156525252005, kSh2c = 0.5462742152960396;
const float kSh3p = -0.5900435899266435, kSh3q = 2.890611442640554, kSh3r = -0.4570457994644658;
const float kSh3s = 0.3731763325901154, kSh3u = 1.445305721320277;

float harmonic(uint k, vec3 d) {
    float x = d.x, y = d.y, z = d.z, xx = x * x, yy = y * y, zz = z * z;
    switch (k) {
        case 0u: return kSh0;
        case 1u: return -kSh1 * y;
        case 2u: return kSh1 * z;
        case 3u: return -kSh1 * x;
        case 4u: return kSh2a * x * y;
        case 5u: return -kSh2a * y * z;
        case 6u: return kSh2b * (2.0 * zz - xx - yy);
        case 7u: return -kSh2a * x * z;
        case 8u: return kSh2c * (xx - yy);
        case 9u: return kSh3p * y * (3.0 * xx - yy);
        case 10u: return kSh3q * x * y * z;
        case 11u: return kSh3r * y * (4.0 * zz - xx - yy);
        case 12u: return kSh3s * z * (2.0 * zz - 3.0 * xx - 3.0 * yy);
        case 13u: return kSh3r * x * (4.0 * zz - xx - yy);
        case 14u: return kSh3u * z * (xx - yy);
        default: return kSh3p * x * (xx - 3.0 * yy);
    }
}

vec3 harmonic_slope(uint k, vec3 d) {
    float x = d.x, y = d.y, z = d.z, xx = x * x, yy = y * y, zz = z * z;
    switch (k) {
        case 0u: return vec3(0.0);
        case 1u: return vec3(0.0, -kSh1, 0.0);
        case 2u: return vec3(0.0, 0.0, kSh1);
        case 3u: return vec3(-kSh1, 0.0, 0.0);
        case 4u: return kSh2a * vec3(y, x, 0.0);
        case 5u: return -kSh2a * vec3(0.0, z, y);
        case 6u: return kSh2b * vec3(-2.0 * x, -2.0 * y, 4.0 * z);
        case 7u: return -kSh2a * vec3(z, 0.0, x);
        case 8u: return kSh2c * vec3(2.0 * x, -2.0 * y, 0.0);
        case 9u: return kSh3p * vec3(6.0 * x * y, 3.0 * (xx - yy), 0.0);
        case 10u: return kSh3q * vec3(y * z, x * z, x * y);
        case 11u: return kSh3r * vec3(-2.0 * x * y, 4.0 * zz - xx - 3.0 * yy, 8.0 * y * z);
        case 12u: return kSh3s * vec3(-6.0 * x * z, -6.0 * y * z, 6.0 * zz - 3.0 * xx - 3.0 * yy);
        case 13u: return kSh3r * vec3(4.0 * zz - 3.0 * xx - yy, -2.0 * x * y, 8.0 * x * z);
        case 14u: return kSh3u * vec3(2.0 * x * z, -2.0 * y * z, xx - yy);
        default: return kSh3p * vec3(3.0 * (xx - yy), -6.0 * x * y, 0.0);
    }
}

#endif
