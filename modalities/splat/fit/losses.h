// How far a drawn picture is from a given one, and the slopes of that by its pixels, on the device.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, equation 7, with the structural similarity of
// Wang, Bovik, Sheikh, Simoncelli. Image Quality Assessment. 2004 (11 x 11 Gaussian window of
// standard deviation 1.5, 0 beyond the border).
//
// The loss is (1 - s) mean |x - y| + s mean (1 - SSIM) over pixels and channels, x the picture and
// y the target over a background, plus a weight times mean |alpha - target alpha|. Where pictures
// were not all exposed alike, x is the drawn picture after a gain and an offset of each channel.
// Two runs give the same bits.
#pragma once
#include <array>
#include <memory>
#include <span>

#include "modalities/splat/raster/rasteriser.h"

namespace kiln {

struct LossOptions {
    float ssim = 0.2f;      // s: 0 to 1
    float alpha = 0;        // weight of alpha
    bool exposed = false;   // Values says the slopes by exposure
};

struct Exposure {
    std::array<float, 3> gain{1, 1, 1}, offset{};
};

class PictureLoss {
public:
    // Status::usage for weights that are not finite or below 0, an s above 1, or no pixel.
    static Result<PictureLoss> create(std::shared_ptr<Device> device, int width, int height,
                                      const LossOptions& options = {});
    PictureLoss(PictureLoss&&) noexcept;
    PictureLoss& operator=(PictureLoss&&) noexcept;
    ~PictureLoss();

    // f32 [height, width, 4]: r g b, multiplied by alpha, and alpha. Status::usage for another
    // number of values.
    Result<void> set_target(std::span<const float> rgba);
    // Compares what the rasteriser, of this size, drew last on `background` and leaves the slopes
    // in its slopes(). The target lies on the same background.
    Result<void> run(Rasteriser& rasteriser, const std::array<float, 3>& background,
                     const Exposure& exposure = {});
    // The same of any picture on the device, f32 [height, width, 8] as its slopes.
    Result<void> run(const Buffer& image, const Buffer& slopes,
                     const std::array<float, 3>& background, const Exposure& exposure = {});

    struct Values {
        double colour, dissimilarity, alpha;        // means of |x - y|, of 1 - SSIM and by alpha
        double total;                               // weighted
        std::array<double, 3> by_gain, by_offset;   // slopes of the total, if exposed
    };
    Result<Values> values() const;   // of the last run()

private:
    struct State;
    explicit PictureLoss(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
