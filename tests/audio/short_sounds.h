// Short sounds of the small AudioLDM, and their comparison.
#pragma once
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <memory>

#include "modalities/audio/pipeline.h"
#include "tests/audio/models.h"
#include "tests/support/device.h"

namespace kiln::test {

// Opened once a process: the model is written to a folder, loaded, and the folder goes.
inline AudioPipeline& pipeline() {
    static const auto open = [] {
        const TemporaryFolder folder("pipeline-audioldm");
        write_audioldm(folder.path);
        return std::make_unique<AudioPipeline>(
            take(AudioPipeline::open(test_device(), folder.path.string())));
    }();
    return *open;
}

inline AudioRequest short_request() {
    return {.prompt = "rain on a roof", .seconds = 0.3, .steps = 2, .sampler = "ddim", .seed = 3};
}

inline std::vector<float> samples_of(const AudioRequest& request) {
    return take(pipeline().run(request)).at(0).sound.samples;
}

inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    REQUIRE(a.size() == b.size());
    double largest = 0;
    for (size_t i = 0; i < a.size(); i++)
        largest = std::max(largest, std::abs(double(a[i]) - double(b[i])));
    return largest;
}

}   // namespace kiln::test
