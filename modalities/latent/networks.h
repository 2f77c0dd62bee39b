// The networks of a latent diffusion model and the device memory that they share: all loaded at
// once where there is room, else each when it is its turn; and what is tried, in order, before a
// job is said not to fit.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modalities/latent/codec.h"
#include "modalities/latent/denoiser.h"
#include "runtime/base/log.h"

namespace kiln {

// A size in latents as people know it, for messages, and whether a smaller one keeps the width
// (the bands of a spectrogram) or the shape.
struct SizeWords {
    std::function<std::string(int height, int width)> name;   // empty: there is one size only
    bool keeps_width = false;
};

class Networks {
public:
    // `others` stand beside the denoiser and the autoencoder: text encoders, vocoders. All
    // outlive this.
    Networks(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
             LatentDenoiser& denoiser, LatentCodec& vae, std::vector<Resident*> others,
             SizeWords words, LogSink log);

    // What the autoencoder is to do with samples of this size, before a run: in tiles of
    // `vae_tile` (0: never in tiles; none: in tiles where the whole does not fit), or in smaller
    // ones where those do not fit and `smaller` says so.
    void begin(int height, int width, std::optional<int> vae_tile, bool smaller = false);

    // Runs `work`, and where memory does not suffice once more with `network` alone in it.
    template <class F>
    auto with_room(const Resident& network, F work);
    // The same, and where memory still does not suffice, an error that says with how much it would:
    // the network, by this `name`, needs `least` bytes beside what stays.
    template <class F>
    auto with_room(const Resident& network, const std::string& name,
                   const std::function<uint64_t()>& least, F work);
    // Out of memory after with_room(): `network` would fit were there `bytes` beside what stays.
    [[noreturn]] void does_not_fit(const Error& error, const std::string& network, uint64_t bytes);

    // The denoiser, ready for a job; says in the log where its weights are.
    LatentDenoiser& prepare(const DenoiserJob& job, const std::function<bool()>& cancelled);
    // Falls back to f32 for what overflows in half precision, and to what yield_memory() says.
    // `job` tells what it came to.
    Latent denoise(DenoiserJob& job, const std::function<Latent(const DenoiserJob&)>& attempt);
    Placing best_placing() const;   // of the denoiser's weights: resident unless that can never be

    LatentDistribution encode(std::span<const float> values,
                              const std::function<bool()>& cancelled);
    std::vector<float> decode(std::span<const float> latent, DType dtype,
                              const std::function<bool()>& cancelled);
    // Beside the denoiser, which stays where it is; none: that does not fit.
    std::optional<std::vector<float>> preview(std::span<const float> latent, DType dtype);

private:
    void load();
    bool release_all_but(const Resident* network);
    template <class F>
    auto tiled_on_failure(int& tile, bool alone, F work);
    [[noreturn]] void denoiser_does_not_fit(const Error& error, const DenoiserJob& job);
    [[noreturn]] void vae_does_not_fit(const Error& error, int tile);
    void note(LogLevel level, const std::string& text) const {
        if (log_) log_(level, text);
    }

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    LatentDenoiser& denoiser_;
    LatentCodec& vae_;
    std::vector<Resident*> all_;
    SizeWords words_;
    LogSink log_;
    LatentCodec::Factors factors_;
    int height_ = 0, width_ = 0;        // of the run's samples
    bool may_tile_ = true;              // as memory wants it
    int tile_ = 0, preview_tile_ = 0;   // 0: the autoencoder works on the whole
};

// Out of memory, with everything tried.
struct NothingFits : ResultError {
    using ResultError::ResultError;
};

template <class F>
auto Networks::with_room(const Resident& network, F work) {
    try {
        return work();
    } catch (const NothingFits&) {
        throw;
    } catch (const ResultError& failure) {
        if (failure.error.status != Status::out_of_memory || !release_all_but(&network)) throw;
    }
    return work();
}

template <class F>
auto Networks::with_room(const Resident& network, const std::string& name,
                         const std::function<uint64_t()>& least, F work) {
    try {
        return with_room(network, work);
    } catch (const NothingFits&) {
        throw;
    } catch (const ResultError& failure) {
        if (failure.error.status != Status::out_of_memory) throw;
        does_not_fit(failure.error, name, least());
    }
}

}   // namespace kiln
