// Winograd's minimal filtering F(4, 4) along a line with the points 0, 1, -1, 2, -2, 1/2 and
// infinity, which makes 4 results of 7 products instead of 16: Y = A^T [(G g) * (B^T d)] over 7
// values d. Lavin and Gray. Fast Algorithms for Convolutional Neural Networks. 2016, section 4.
// Each function is one of the three matrices times a column.
#ifndef KILN_WINOGRAD_LINE_GLSL
#define KILN_WINOGRAD_LINE_GLSL

vec4[7] of_input(vec4 d[7]) {   // B^T d
    return vec4[7](d[5] - 0.5 * d[4] - 5.0 * d[3] + 2.5 * d[2] + 4.0 * d[1] - 2.0 * d[0],
                   d[5] + 0.5 * d[4] - 4.5 * d[3] - 2.0 * d[2] + 2.0 * d[1],
                   d[5] - 1.5 * d[4] - 3.5 * d[3] + 6.0 * d[2] - 2.0 * d[1],
                   d[5] + 1.5 * d[4] - 2.0 * d[3] - 1.5 * d[2] + d[1],
                   d[5] - 2.5 * d[4] + 2.5 * d[2] - d[1],
                   d[5] - 5.0 * d[3] + 4.0 * d[1],
                   d[6] - 0.5 * d[5] - 5.0 * d[4] + 2.5 * d[3] + 4.0 * d[2] - 2.0 * d[1]);
}

vec4[7] of_weight(vec4 g[4]) {   // G g
    vec4 even = g[0] + g[2], odd = g[1] + g[3];
    vec4 far_even = g[0] + 4.0 * g[2], far_odd = 2.0 * g[1] + 8.0 * g[3];
    return vec4[7](-0.5 * g[0], (even + odd) / -3.0, (even - odd) / 9.0,
                   (far_even + far_odd) / 36.0, (far_odd - far_even) / 60.0,
                   (8.0 * g[0] + 4.0 * g[1] + 2.0 * g[2] + g[3]) * (4.0 / 45.0), g[3]);
}

vec4[4] of_product(vec4 m[7]) {   // A^T m
    vec4 sum = m[1] + m[2], difference = m[1] - m[2];
    vec4 far_sum = m[3] + m[4], far_difference = m[3] - m[4];
    return vec4[4](m[0] + sum + far_sum + m[5], difference + 2.0 * far_difference + 0.5 * m[5],
                   sum + 4.0 * far_sum + 0.25 * m[5],
                   difference + 8.0 * far_difference + 0.125 * m[5] + m[6]);
}

#endif
