// Winograd's minimal filtering F(4x4, 3x3) with the points 0, 1, -1, 2, -2 and infinity, which
// makes 4x4 results of 36 products instead of 144: Y = A^T [(G g G^T) * (B^T d B)] A over 6x6
// patches d. Lavin and Gray. Fast Algorithms for Convolutional Neural Networks. 2016, section 4.3.
// Each function is one of the three matrices times a column.
#ifndef KILN_WINOGRAD_GLSL
#define KILN_WINOGRAD_GLSL

vec4[6] of_input(vec4 d[6]) {   // B^T d
    vec4 even = d[4] - 4.0 * d[2], odd = d[3] - 4.0 * d[1];
    vec4 outer = d[4] - d[2], inner = 2.0 * (d[3] - d[1]);
    return vec4[6](4.0 * (d[0] - d[2]) + outer, even + odd, even - odd, outer + inner,
                   outer - inner, 4.0 * (d[1] - d[3]) + d[5] - d[3]);
}

vec4[6] of_weight(vec4 g[3]) {   // G g
    vec4 sum = g[0] + g[2], far = g[0] / 24.0 + g[2] / 6.0, near = g[1] / 12.0;
    return vec4[6](g[0] / 4.0, (sum + g[1]) / -6.0, (sum - g[1]) / -6.0, far + near, far - near,
                   g[2]);
}

vec4[4] of_product(vec4 m[6]) {   // A^T m
    vec4 sum = m[1] + m[2], difference = m[1] - m[2];
    vec4 far_sum = m[3] + m[4], far_difference = m[3] - m[4];
    return vec4[4](m[0] + sum + far_sum, difference + 2.0 * far_difference, sum + 4.0 * far_sum,
                   difference + 8.0 * far_difference + m[5]);
}

#endif
