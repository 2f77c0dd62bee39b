// Pictures that requests start from, the comparison with those of the published pipelines, and the
// warnings on the way.
#pragma once
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "modalities/image/pipeline.h"
#include "tests/image/models.h"

namespace kiln::test {

inline Image noise_picture(const std::string& name, int width, int height) {
    Image image{.width = width, .height = height, .channels = 3, .pixels = {}};
    for (float value : noise(name, int64_t(width) * height * 3))
        image.pixels.push_back(uint8_t((value + 1) * 127.5f));
    return image;
}

// White on the right half and on the upper quarter.
inline Image half_mask(int width, int height) {
    Image image{.width = width, .height = height, .channels = 1, .pixels = {}};
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            image.pixels.push_back(y < height / 4 ? 200 : x >= width / 2 ? 255 : 0);
    return image;
}

// A sink that keeps warnings and errors, and no other message.
inline LogSink warnings_into(std::vector<std::string>& texts) {
    return [&texts](LogLevel level, std::string_view text) {
        if (level >= LogLevel::warning) texts.emplace_back(text);
    };
}

inline void check_pictures(const std::vector<Picture>& pictures, const Safetensors& goldens,
                           const std::string& name) {
    const TensorInfo* info = goldens.find(name);
    REQUIRE(info);
    const auto bytes = goldens.bytes(*info);
    std::vector<uint8_t> found;
    for (const Picture& picture : pictures)
        found.insert(found.end(), picture.image.pixels.begin(), picture.image.pixels.end());
    REQUIRE(found.size() == bytes.size());
    double sum = 0;
    int largest = 0;
    for (size_t i = 0; i < found.size(); i++) {
        const int difference = std::abs(int(found[i]) - int(uint8_t(bytes[i])));
        sum += difference;
        largest = std::max(largest, difference);
    }
    CHECK(sum / double(found.size()) <= 0.25);
    CHECK(largest <= 3);
}

}   // namespace kiln::test
