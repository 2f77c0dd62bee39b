#include "modalities/latent/networks.h"

#include <algorithm>
#include <array>

#include "modalities/latent/fallback.h"
#include "runtime/base/bytes.h"

namespace kiln {
namespace {

// Out of memory, with everything tried.
struct NothingFits : ResultError {
    using ResultError::ResultError;
};

}   // namespace

Networks::Networks(std::shared_ptr<Device> device, const Checkpoint& model, LogSink log,
                   std::unordered_set<std::string>& claimed)
    : device_(std::move(device)),
      log_(std::move(log)),
      factor_(model.vae.factor()),
      workspace_(std::make_shared<Workspace>(device_)),
      texts_(device_, model, {.deferred = true}, workspace_, claimed),
      denoiser_(device_, model, {.deferred = true}, workspace_, claimed),
      vae_(device_, model, {.deferred = true}, workspace_, log_, claimed) {
    load();
}

// All networks at once, where there is room for them.
void Networks::load() {
    const std::array networks = {&texts_.weights(), &denoiser_.weights(), &vae_.weights()};
    const uint64_t room = device_->room();
    uint64_t bytes = 0;
    for (const auto* weights : networks) bytes += missing_bytes(*weights);
    Result<void> loaded;
    for (size_t i = 0; bytes <= room && loaded.ok() && i < networks.size(); i++)
        loaded = make_resident(*device_, *networks[i]);
    if (bytes <= room && loaded.ok()) return;
    if (!loaded.ok() && loaded.error().status != Status::out_of_memory) take(loaded);
    release_all_but(nullptr);
    note(LogLevel::info, "the model's weights take " + mebibytes(bytes) + ", more than the " +
                             mebibytes(room) +
                             " of device memory that are left: each network is loaded in turn");
}

// Device memory that only other networks use goes back. False: there was none.
bool Networks::release_all_but(const void* network) {
    bool any = workspace_->release();
    if (network != &texts_) any |= texts_.release();
    if (network != &denoiser_) any |= denoiser_.release();
    if (network != &vae_) any |= vae_.release();
    return any;
}

// Runs `work`, and where memory does not suffice once more with `network` alone in it.
template <class F>
auto Networks::released_on_failure(const void* network, F work) {
    try {
        return work();
    } catch (const NothingFits&) {
        throw;
    } catch (const ResultError& failure) {
        if (failure.error.status != Status::out_of_memory || !release_all_but(network)) throw;
    }
    return work();
}

// Runs `work` of the autoencoder in tiles of `tile`: if need be and allowed, `alone` in memory, and
// then in smaller tiles until it fits.
template <class F>
auto Networks::tiled_on_failure(int& tile, bool alone, F work) {
    for (;;) {
        try {
            return alone ? released_on_failure(&vae_, work) : work();
        } catch (const ResultError& failure) {
            if (failure.error.status != Status::out_of_memory) throw;
            const auto next =
                may_tile_ ? smaller_tile(tile, std::max(width_, height_), factor_) : std::nullopt;
            if (!next && alone) vae_does_not_fit(failure.error, tile);
            if (!next) throw;
            tile = *next;
            note(LogLevel::info, failure.error.message +
                                     "; now the autoencoder works in tiles of " +
                                     std::to_string(tile) + " pixels");
        }
    }
}

void Networks::begin(int width, int height, std::optional<int> vae_tile) {
    width_ = width, height_ = height;
    may_tile_ = !vae_tile;
    tile_ = vae_tile.value_or(0) < std::max(width, height) ? vae_tile.value_or(0) : 0;
    preview_tile_ = tile_;
}

Conditioning Networks::encode(const std::string& prompt, int clip_skip,
                              const std::function<bool()>& cancelled) {
    try {
        return released_on_failure(&texts_,
                                   [&] { return texts_.encode(prompt, clip_skip, cancelled); });
    } catch (const ResultError& failure) {
        if (failure.error.status != Status::out_of_memory) throw;
        text_does_not_fit(failure.error, clip_skip);
    }
}

LatentDistribution Networks::encode(std::span<const float> pixels,
                                    const std::function<bool()>& cancelled) {
    return tiled_on_failure(tile_, true,
                            [&] { return vae_.encode(pixels, height_, width_, tile_, cancelled); });
}

Image Networks::decode(std::span<const float> latent, DType dtype,
                       const std::function<bool()>& cancelled) {
    return tiled_on_failure(tile_, true, [&] {
        return vae_.decode(latent, height_ / factor_, width_ / factor_, dtype, tile_, cancelled);
    });
}

std::optional<Image> Networks::preview(std::span<const float> latent, DType dtype) {
    try {
        return tiled_on_failure(preview_tile_, false, [&] {
            return vae_.decode(latent, height_ / factor_, width_ / factor_, dtype, preview_tile_);
        });
    } catch (const ResultError& failure) {
        if (failure.error.status != Status::out_of_memory) throw;
        note(LogLevel::warning, failure.error.message + "; no preview");
        return {};
    }
}

Placing Networks::best_placing() const {
    return missing_bytes(denoiser_.weights()) > device_->memory().limit ? Placing::automatic
                                                                        : Placing::resident;
}

UNetDenoiser& Networks::prepare(const DenoiserJob& job, const std::function<bool()>& cancelled) {
    denoiser_.prepare(job, cancelled);
    if (const GraphStats& stats = denoiser_.stats(); stats.segments)
        note(LogLevel::info, "of the U-Net's weights, " + mebibytes(stats.streamed_bytes) +
                                 " come from the host in each pass, in " +
                                 std::to_string(stats.segments) + " parts");
    return denoiser_;
}

Latent Networks::denoise(DenoiserJob& job,
                         const std::function<Latent(const DenoiserJob&)>& attempt) {
    const DenoiserJob asked = job;
    if (job.weights == Placing::automatic) release_all_but(&denoiser_);
    for (;;) {
        try {
            return released_on_failure(&denoiser_, [&] { return attempt(job); });
        } catch (const NothingFits&) {
            throw;
        } catch (const ResultError& failure) {
            const Error& error = failure.error;
            const bool overflowed = error.status == Status::not_finite && job.dtype != DType::f32;
            if (!overflowed && error.status != Status::out_of_memory) throw;
            std::optional<std::string> next = "computing in f32";
            if (overflowed)
                job.dtype = DType::f32;
            else
                next = yield_memory(job, asked);
            if (!next) unet_does_not_fit(error, job);
            note(LogLevel::warning, error.message + "; now " + *next);
            if (!overflowed && job.weights == Placing::automatic) release_all_but(nullptr);
        }
    }
}

void Networks::text_does_not_fit(const Error& error, int clip_skip) {
    release_all_but(nullptr);
    const uint64_t bytes = device_->memory().held + texts_.least_memory(clip_skip);
    throw NothingFits({error.status, error.message + "; the text encoders would fit within " +
                                         mebibytes(limit_for(bytes))});
}

void Networks::unet_does_not_fit(const Error& error, const DenoiserJob& job) {
    release_all_but(nullptr);
    const MemoryUse use = device_->memory();
    const Fit fit = what_fits(job, use.held, use.limit,
                              [&](const DenoiserJob& j) { return denoiser_.needs(j); });
    std::string message = error.message + "; this size would fit within " + mebibytes(fit.limit);
    if (fit.width)
        message += ", and " + std::to_string(fit.width * factor_) + " x " +
                   std::to_string(fit.height * factor_) + " within what is there";
    throw NothingFits({error.status, message});
}

void Networks::vae_does_not_fit(const Error& error, int tile) {
    release_all_but(nullptr);
    const auto latents = [&](int side) { return (tile ? std::min(tile, side) : side) / factor_; };
    const GraphNeeds needs = vae_.needs(latents(height_), latents(width_));
    throw NothingFits(
        {error.status, error.message + "; the autoencoder would fit within " +
                           mebibytes(limit_for(device_->memory().held + needs.least())) +
                           (may_tile_ ? "" : ", or in smaller tiles within less")});
}

}   // namespace kiln
