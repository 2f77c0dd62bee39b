// Latents that are longer than what a network is run on, or that go round: overlapping windows
// along their height, whose predictions are averaged at every step. Bar-Tal, Yariv, Lipman and
// Dekel. MultiDiffusion: Fusing Diffusion Paths for Controlled Image Generation. 2023, equation 5.
#pragma once
#include <vector>

#include "modalities/diffusion/latent.h"

namespace kiln {

struct LatentShape {
    int samples = 1, channels = 1, height = 1, width = 1;   // [n, c, h, w]
};

struct WindowOptions {
    int height = 0;      // of a window; 0, or no less than the latent: one window
    bool ring = false;   // the last row is followed by the first
};

// The first rows of the windows over `height` rows, each `window` high. Neighbours share half of
// it, or more.
std::vector<int> window_starts(int height, int window, bool ring);

class Windows {
public:
    Windows(const LatentShape& latent, const WindowOptions& options);

    int height() const { return window_; }   // of what the network sees
    // A network over the whole latent from one over windows, which is called once for each. A
    // prediction weighs most in the middle of its window and next to nothing at its edges. On a
    // ring the windows begin elsewhere at every call, so that no row is always at an edge.
    Network over(Network inner) const;

private:
    Latent cut(std::span<const float> latent, int start) const;
    void add(const Latent& prediction, int start, Latent& sum) const;
    template <class F>
    void each_run(int start, F work) const;

    LatentShape latent_;
    int window_;
    bool ring_;
    std::vector<int> starts_;
    std::vector<float> weights_;   // of the rows of a window
};

}   // namespace kiln
