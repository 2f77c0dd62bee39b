// Philox 4x32-10: four random words from a counter and a key.
// Source: Salmon et al. Parallel Random Numbers: As Easy as 1, 2, 3. 2011.
#ifndef KILN_PHILOX_GLSL
#define KILN_PHILOX_GLSL

uvec4 philox(uvec4 counter, uvec2 key) {
    for (int round_ = 0; round_ < 10; round_++) {
        uint high0, low0, high1, low1;
        umulExtended(0xD2511F53u, counter.x, high0, low0);
        umulExtended(0xCD9E8D57u, counter.z, high1, low1);
        counter = uvec4(high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0);
        key += uvec2(0x9E3779B9u, 0xBB67AE85u);
    }
    return counter;
}

#endif
