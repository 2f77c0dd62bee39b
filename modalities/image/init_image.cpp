#include "modalities/image/init_image.h"

#include <algorithm>

namespace kiln {
namespace {

Image fitted(const Image& image, int width, int height) {
    return image.width == width && image.height == height ? image
                                                          : resize_image(image, width, height);
}

// Three channels in [-1, 1], [h, w, 3].
std::vector<float> to_pixels(const Image& image) {
    std::vector<float> pixels;
    pixels.reserve(size_t(image.width) * size_t(image.height) * 3);
    for (size_t i = 0; i < image.pixels.size(); i += size_t(image.channels))
        for (int c = 0; c < 3; c++)
            pixels.push_back(
                2 * (float(image.pixels[i + size_t(image.channels >= 3 ? c : 0)]) / 255.0f) - 1);
    return pixels;
}

// 1 where the mask is light, one value a pixel.
std::vector<float> to_mask(const Image& image) {
    std::vector<float> mask;
    for (size_t i = 0; i < image.pixels.size(); i += size_t(image.channels)) {
        const uint8_t* p = &image.pixels[i];
        const int light =
            image.channels >= 3 ? (p[0] * 299 + p[1] * 587 + p[2] * 114) / 1000 : p[0];
        mask.push_back(light >= 128 ? 1.0f : 0.0f);
    }
    return mask;
}

}   // namespace

InitImage::InitImage(const ImageRequest& r, const ImageInfo& info, const Autoencoder& vae,
                     const Encode& encode, int samples, NoiseSource& noise)
    : vae_(vae),
      from_noise_(r.mask && r.strength == 1),
      channels_(size_t(vae.config().latent_channels)) {
    const int width = r.width / info.factor, height = r.height / info.factor;
    const std::vector<float> pixels = to_pixels(fitted(*r.init, r.width, r.height));
    const bool trained_to_repaint = info.inpainting;
    if (!trained_to_repaint || !from_noise_) latent_ = sampled(encode(pixels), samples, noise);
    noise_.resize(channels_ * size_t(width) * size_t(height) * size_t(samples));
    noise.fill(noise_);
    if (!r.mask) return;

    const std::vector<float> full = to_mask(fitted(*r.mask, r.width, r.height));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            mask_.push_back(
                full[size_t(y * info.factor) * size_t(r.width) + size_t(x * info.factor)]);
    std::vector<float> masked = pixels;
    for (size_t i = 0; i < masked.size(); i++)
        if (full[i / 3] > 0.5f) masked[i] = 0;
    const Latent seen = sampled(encode(masked), samples, noise);
    if (!trained_to_repaint) return;
    const size_t each = seen.size() / size_t(samples);
    for (int i = 0; i < samples; i++) {
        extra_.insert(extra_.end(), mask_.begin(), mask_.end());
        extra_.insert(extra_.end(), seen.begin() + ptrdiff_t(size_t(i) * each),
                      seen.begin() + ptrdiff_t(size_t(i + 1) * each));
    }
}

Latent InitImage::sampled(const LatentDistribution& d, int samples, NoiseSource& noise) const {
    Latent z(d.mean.size() * size_t(samples));
    noise.fill(z);
    for (size_t i = 0; i < z.size(); i++)
        z[i] = d.mean[i % d.mean.size()] + d.deviation[i % d.mean.size()] * z[i];
    for (int i = 0; i < samples; i++)
        vae_.to_model(std::span(z).subspan(size_t(i) * d.mean.size(), d.mean.size()));
    return z;
}

void InitImage::start(const Sampler& sampler, Latent& x) const {
    if (!from_noise_) return sampler.add_noise(latent_, noise_, x);
    x = noise_;
    sampler.scale_initial_noise(x);
}

void InitImage::blend(const Sampler& sampler, Latent& x) const {
    Latent known(x.size());
    sampler.add_noise(latent_, noise_, known);
    for (size_t i = 0; i < x.size(); i++) {
        const float m = mask_[i % mask_.size()];
        x[i] = (1 - m) * known[i] + m * x[i];
    }
}

}   // namespace kiln
