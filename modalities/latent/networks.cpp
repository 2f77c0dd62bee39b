#include "modalities/latent/networks.h"

#include <algorithm>

#include "modalities/latent/fallback.h"
#include "runtime/base/bytes.h"

namespace kiln {

Networks::Networks(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                   LatentDenoiser& denoiser, LatentCodec& vae, std::vector<Resident*> others,
                   SizeWords words, LogSink log)
    : device_(std::move(device)),
      workspace_(std::move(workspace)),
      denoiser_(denoiser),
      vae_(vae),
      all_(std::move(others)),
      words_(std::move(words)),
      log_(std::move(log)),
      factors_(vae.factors()) {
    all_.insert(all_.end(), {&denoiser_, &vae_});
    load();
}

// All networks at once, where there is room for them.
void Networks::load() {
    const uint64_t room = device_->room();
    uint64_t bytes = 0;
    for (const Resident* network : all_) bytes += missing_bytes(network->weights());
    Result<void> loaded;
    for (size_t i = 0; bytes <= room && loaded.ok() && i < all_.size(); i++)
        loaded = make_resident(*device_, all_[i]->weights());
    if (bytes <= room && loaded.ok()) return;
    if (!loaded.ok() && loaded.error().status != Status::out_of_memory) take(loaded);
    release_all_but(nullptr);
    note(LogLevel::info, "the model's weights take " + mebibytes(bytes) + ", more than the " +
                             mebibytes(room) +
                             " of device memory that are left: each network is loaded in turn");
}

// Device memory that only other networks use goes back. False: there was none.
bool Networks::release_all_but(const Resident* network) {
    bool any = workspace_->release();
    for (Resident* other : all_)
        if (other != network) any |= other->release();
    return any;
}

// Runs `work` of the autoencoder in tiles of `tile`: if need be and allowed, `alone` in memory, and
// then in smaller tiles until it fits.
template <class F>
auto Networks::tiled_on_failure(int& tile, bool alone, F work) {
    for (;;) {
        try {
            return alone ? with_room(vae_, work) : work();
        } catch (const ResultError& failure) {
            if (failure.error.status != Status::out_of_memory) throw;
            const auto next = may_tile_
                                  ? smaller_tile(tile, std::max(width_, height_), factors_.height)
                                  : std::nullopt;
            if (!next && alone) vae_does_not_fit(failure.error, tile);
            if (!next) throw;
            tile = *next;
            note(LogLevel::info, failure.error.message +
                                     "; now the autoencoder works in tiles of " +
                                     std::to_string(std::min(tile, height_)) + " x " +
                                     std::to_string(std::min(tile, width_)));
        }
    }
}

void Networks::begin(int height, int width, std::optional<int> vae_tile, bool smaller) {
    height_ = height, width_ = width;
    may_tile_ = !vae_tile || smaller;
    tile_ = vae_tile.value_or(0) < std::max(width, height) ? vae_tile.value_or(0) : 0;
    preview_tile_ = tile_;
}

LatentDistribution Networks::encode(std::span<const float> values,
                                    const std::function<bool()>& cancelled) {
    return tiled_on_failure(tile_, true,
                            [&] { return vae_.encode(values, height_, width_, tile_, cancelled); });
}

std::vector<float> Networks::decode(std::span<const float> latent, DType dtype,
                                    const std::function<bool()>& cancelled) {
    return tiled_on_failure(tile_, true, [&] {
        return vae_.decode(latent, height_ / factors_.height, width_ / factors_.width, dtype, tile_,
                           cancelled);
    });
}

std::optional<std::vector<float>> Networks::preview(std::span<const float> latent, DType dtype) {
    try {
        return tiled_on_failure(preview_tile_, false, [&] {
            return vae_.decode(latent, height_ / factors_.height, width_ / factors_.width, dtype,
                               preview_tile_, {});
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

LatentDenoiser& Networks::prepare(const DenoiserJob& job, const std::function<bool()>& cancelled) {
    denoiser_.prepare(job, cancelled);
    if (const GraphStats& stats = denoiser_.stats(); stats.segments)
        note(LogLevel::info, "of the denoiser's weights, " + mebibytes(stats.streamed_bytes) +
                                 " come from the host in each pass, in " +
                                 std::to_string(stats.segments) + " parts");
    return denoiser_;
}

Latent Networks::denoise(DenoiserJob& job,
                         const std::function<Latent(const DenoiserJob&)>& attempt) {
    const DenoiserJob asked = job;
    if (job.weights != Placing::resident) release_all_but(&denoiser_);
    for (;;) {
        try {
            return with_room(denoiser_, [&] { return attempt(job); });
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
                next = yield_memory(job, asked, device_->caps().host_memory > 0);
            if (!next) denoiser_does_not_fit(error, job);
            note(LogLevel::warning, error.message + "; now " + *next);
            if (!overflowed && job.weights != Placing::resident) release_all_but(nullptr);
        }
    }
}

void Networks::does_not_fit(const Error& error, const std::string& network, uint64_t bytes) {
    release_all_but(nullptr);
    throw NothingFits({error.status, error.message + "; " + network + " would fit within " +
                                         mebibytes(limit_for(device_->memory().held + bytes))});
}

void Networks::denoiser_does_not_fit(const Error& error, const DenoiserJob& job) {
    release_all_but(nullptr);
    const MemoryUse use = device_->memory();
    const Fit fit = what_fits(job, words_.keeps_width, use.held, use.limit,
                              [&](const DenoiserJob& j) { return denoiser_.needs(j); });
    std::string message = error.message + "; this size would fit within " + mebibytes(fit.limit);
    if (fit.width && words_.name)
        message += ", and " + words_.name(fit.height, fit.width) + " within what is there";
    throw NothingFits({error.status, message});
}

void Networks::vae_does_not_fit(const Error& error, int tile) {
    release_all_but(nullptr);
    const auto latents = [&](int side, int factor) {
        return (tile ? std::min(tile, side) : side) / factor;
    };
    const GraphNeeds needs =
        vae_.needs(latents(height_, factors_.height), latents(width_, factors_.width));
    throw NothingFits(
        {error.status, error.message + "; the autoencoder would fit within " +
                           mebibytes(limit_for(device_->memory().held + needs.least())) +
                           (may_tile_ ? "" : ", or in smaller tiles within less")});
}

}   // namespace kiln
