// The random cameras that a shape is optimised from.
#pragma once
#include <cstdint>

#include "modalities/splat/orbit.h"

namespace kiln {

struct OrbitRanges {
    struct Range {
        double low, high;
    };
    Range azimuth{-180, 180}, elevation{-10, 45};   // degrees
    Range distance{2.5, 2.5}, field_of_view{49.1, 49.1};
    double overhead = 0.1;   // share of the views whose elevation is in this range instead
    Range overhead_elevation{60, 85};
};

// Views whose azimuths are stratified: as many in a row as there are strata have one each in as
// many equal parts of the range, in random order. View `index` depends on nothing but it, the seed
// and the ranges, so that an interrupted run goes on as if it had not been.
class OrbitSampler {
public:
    OrbitSampler(const OrbitRanges& ranges, int strata, uint64_t seed)
        : ranges_(ranges), strata_(strata), seed_(seed) {}
    Orbit operator()(uint64_t index) const;

private:
    OrbitRanges ranges_;
    int strata_;
    uint64_t seed_;
};

}   // namespace kiln
