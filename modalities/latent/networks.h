// The networks of a model and the device memory that they share: all loaded at once where there is
// room, else each when it is its turn; and what is tried, in order, before a job is said not to
// fit.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "modalities/latent/autoencoder.h"
#include "modalities/image/conditioning.h"
#include "modalities/latent/denoiser.h"

namespace kiln {

class Networks {
public:
    Networks(std::shared_ptr<Device> device, const Checkpoint& model, LogSink log,
             std::unordered_set<std::string>& claimed);

    // What the autoencoder is to do with pictures of this size (ImageRequest::vae_tile); before a
    // run.
    void begin(int width, int height, std::optional<int> vae_tile);

    Conditioning encode(const std::string& prompt, int clip_skip,
                        const std::function<bool()>& cancelled);
    // Falls back to f32 for what overflows in half precision, and to what yield_memory() says.
    // `job` tells what it came to.
    Latent denoise(DenoiserJob& job, const std::function<Latent(const DenoiserJob&)>& attempt);
    Placing best_placing() const;   // of the U-Net's weights: resident unless that can never be

    LatentDistribution encode(std::span<const float> pixels,
                              const std::function<bool()>& cancelled);
    Image decode(std::span<const float> latent, DType dtype,
                 const std::function<bool()>& cancelled);
    // Beside the U-Net, which stays where it is; none: that does not fit.
    std::optional<Image> preview(std::span<const float> latent, DType dtype);

    // The U-Net, ready for a job; says in the log where its weights are.
    UNetDenoiser& prepare(const DenoiserJob& job, const std::function<bool()>& cancelled);
    const TextEncoders& texts() const { return texts_; }
    const Autoencoder& autoencoder() const { return vae_; }

private:
    void load();
    bool release_all_but(const void* network);
    template <class F>
    auto released_on_failure(const void* network, F work);
    template <class F>
    auto tiled_on_failure(int& tile, bool alone, F work);
    [[noreturn]] void text_does_not_fit(const Error& error, int clip_skip);
    [[noreturn]] void unet_does_not_fit(const Error& error, const DenoiserJob& job);
    [[noreturn]] void vae_does_not_fit(const Error& error, int tile);
    void note(LogLevel level, const std::string& text) const {
        if (log_) log_(level, text);
    }

    std::shared_ptr<Device> device_;
    LogSink log_;
    int factor_;   // pixels a latent
    std::shared_ptr<Workspace> workspace_;
    TextEncoders texts_;
    UNetDenoiser denoiser_;
    Autoencoder vae_;
    int width_ = 0, height_ = 0;        // of the run's pictures, in pixels
    bool may_tile_ = true;              // as memory wants it
    int tile_ = 0, preview_tile_ = 0;   // in pixels; 0: the autoencoder works on the whole
};

}   // namespace kiln
