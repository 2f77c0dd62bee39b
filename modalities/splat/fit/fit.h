// Fits splats to pictures whose cameras are known, step by step.
// Source: Kerbl et al. 3D Gaussian Splatting for Real-Time Radiance Field Rendering. 2023, sections
// 5 to 7; growth by relocation: Kheradmand et al. 3D Gaussian Splatting as Markov Chain Monte
// Carlo. 2024.
//
//     Fit fit = take(Fit::create(device, views, splats_at(points, colours), options));
//     while (!fit.done() && !interrupted) take(fit.step());
//     write_splats("scene.ply", take(fit.splats()));
//
// Between two steps splats() is a valid cloud and save() keeps all that the steps to come depend
// on: a fit of the same views and options that resumes it makes the same bits as one that was never
// interrupted, on the same device and driver.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "modalities/splat/fit/growth.h"
#include "modalities/splat/fit/losses.h"
#include "modalities/splat/raster/rasteriser.h"
#include "runtime/io/image.h"

namespace kiln {

// A picture and where it was taken from; the camera's pixels are those of the picture.
struct FitView {
    Camera camera;
    Image image;   // RGB, or RGBA with colours multiplied by alpha
};

struct FitOptions {
    uint32_t steps = 7000;
    uint64_t seed = 0;
    int sh_degree = 3;          // of the result
    uint32_t sh_every = 1000;   // steps until harmonics of one more degree are fitted; 0: at once
    bool antialiased = false;   // see Splats; viewers take it for granted that it is not
    Summation summation = Summation::gather;   // by atomics no two fits make the same bits
    // Pictures begin smaller by this factor, 1, 2, 4 or 8, which halves every so many steps.
    int coarse = 1;
    uint32_t coarse_steps = 250;
    // Behind pictures with alpha a new random one each step, against clouds that hide in it.
    std::array<float, 3> background{};
    bool random_background = false;

    GrowthOptions growth;   // but its middle, which is that of the cameras

    LossOptions loss;
    // Each picture has a gain and an offset for each channel, which are learnt too, for pictures
    // that a camera exposed by itself. Not for pictures with alpha, which are on any background.
    bool exposure = false;
    float exposure_rate = 5e-3f, exposure_rate_end = 5e-3f;   // exponentially within all steps
    OptimiserOptions optimiser;   // but its extent and means_steps, which are these:
    float extent = 0;             // 0: how far the cameras are from their middle
    uint32_t means_steps = 0;     // 0: steps
};

// The usual noise and weights for Growth::relocated, and for everything else what `options` says.
FitOptions relocating(FitOptions options = {});

class Fit {
public:
    // Status::usage: no view, a picture that is not one or smaller than 16 pixels, a camera that is
    // not finite or has no focal length, no splat or too many, splats that are not finite, options
    // that make no sense; each naming what. The harmonics of `initial` beyond the degree are
    // dropped.
    static Result<Fit> create(std::shared_ptr<Device> device, std::vector<FitView> views,
                              const Splats& initial, const FitOptions& options);
    Fit(Fit&&) noexcept;
    Fit& operator=(Fit&&) noexcept;
    ~Fit();

    // Draws a view, differentiates its loss and moves the splats; grows them when it is time.
    // Every view once in each round, in a new order.
    Result<void> step();
    bool done() const;   // as many steps as the options say
    uint32_t steps() const;
    uint32_t count() const;   // splats
    int factor() const;       // by which pictures are smaller in the next step
    Exposure exposure(size_t view) const;
    PictureLoss::Values loss() const;   // of the last step

    Result<Splats> splats() const;

    // Atomically, so that an interrupted save leaves the previous file.
    Result<void> save(const std::string& path) const;
    // Continues what was saved. What is no such file, is damaged, holds values that are not finite,
    // too many splats, or comes from other views or another degree: Status::bad_file. On any error
    // the fit is as before.
    Result<void> resume(const std::string& path);

    // f32 [height, width, 3] from any camera.
    Result<std::vector<float>> draw(const Camera& camera, int width, int height,
                                    const std::array<float, 3>& background);
    struct Quality {
        double psnr, ssim;   // decibels, of colours clipped to 0..1; over pixels and channels
    };
    // On the background of the options, as if it were not exposed otherwise than the scene.
    Result<Quality> compare(const FitView& view);

private:
    struct State;
    explicit Fit(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
