// An autoencoder's encoder as a linear map of what is around each latent, learned from examples:
// pictures to latents and back for a hundredth of the work, where rough latents suffice.
// Source: ridge regression, Hoerl and Kennard. 1970; latents that are nearly linear in the colours
// of their pictures: Metzer, Richardson, Patashnik, Giryes, Cohen-Or. Latent-NeRF. 2023,
// section 3.2.
#pragma once
#include <vector>

#include "modalities/diffusion/prior.h"

namespace kiln {

class LinearEncoder : public PictureEncoder {
public:
    // For latents and pictures of the prior's size. Knows nothing until learn() and solve().
    explicit LinearEncoder(const PriorInfo& info);

    // Examples, one or more; those from before count `keep` times as much as they did.
    void learn(std::span<const float> pictures, std::span<const float> latents, double keep = 1);
    // From then on the map is the best one for all that was learned.
    void solve();

    Result<std::vector<float>> encode(std::span<const float> pictures) override;
    Result<std::vector<float>> pull_back(std::span<const float> slopes) override;

    // Share of the latents' variance in these examples that the map does not explain.
    double unexplained(std::span<const float> pictures, std::span<const float> latents) const;

private:
    // A latent sees the mean colours of 6 x 6 cells, of which the middle 4 x 4 are its own pixels.
    static constexpr int kWindow = 6, kOwn = 4;
    static constexpr size_t kFeatures = size_t(kWindow) * kWindow * 3 + 1;   // and 1

    std::vector<double> cells(std::span<const float> picture) const;
    template <class F>
    void windows(F f) const;

    PriorInfo info_;
    int across_, down_;              // cells
    int cell_;                       // pixels a side
    size_t count_ = 0;               // pictures encoded last
    std::vector<double> products_;   // [features, features] sums, then [features, channels]
    std::vector<double> map_;        // [features, channels]
};

}   // namespace kiln
