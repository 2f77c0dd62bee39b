#include "modalities/audio/init_sound.h"

#include <algorithm>
#include <cmath>

#include "modalities/audio/audio_model.h"

namespace kiln {
namespace {

constexpr double kFade = 0.02;   // seconds over which what is kept goes over into what is new
constexpr float kLevel = 0.5f;   // the peak that AudioLDM's training gave every sound

std::vector<float> prepared(const Sound& sound, int sample_rate) {
    if (sound.frames() < 1) usage("the sound to start from is empty");
    const Sound mono = sound.channels > 1 ? to_mono(sound) : sound;
    return mono.sample_rate == sample_rate ? mono.samples
                                           : take(resample_sound(mono, sample_rate)).samples;
}

}   // namespace

InitSound::InitSound(const AudioRequest& r, const SoundLayout& layout)
    : layout_(layout), sound_(prepared(*r.init, layout.sample_rate)) {
    if (int64_t(sound_.size()) > layout.samples) sound_.resize(size_t(layout.samples));
    double mean = 0;
    for (float v : sound_) mean += v;
    offset_ = float(mean / double(sound_.size()));
    float peak = 0;
    for (float v : sound_) peak = std::max(peak, std::abs(v - offset_));
    gain_ = peak > 1e-5f ? kLevel / peak : 1;

    choose_part(r);
    // A latent is made anew if its middle is, and the one in the middle of the part in any case.
    for (int i = 0; i < layout.latents && to_ > from_; i++) {
        const int64_t middle = int64_t(i) * layout.hop + layout.hop / 2;
        const bool inside = middle >= from_ && (middle < to_ || to_ == layout.samples);
        mask_.push_back(inside || (from_ + to_) / 2 / layout.hop == i ? 1.0f : 0.0f);
    }
    strength_ = r.strength.value_or(mask_.empty() ? 0.5 : 1.0);
    if (!(strength_ > 0 && strength_ <= 1))
        usage("strength: expected more than 0 and at most 1; found " + std::to_string(strength_));
}

// What is made anew: all beyond the end of the sound, with the last moments of it to fade over, and
// what the request names.
void InitSound::choose_part(const AudioRequest& r) {
    const double rate = layout_.sample_rate, length = double(layout_.samples) / rate;
    const int64_t end = int64_t(sound_.size());
    // A moment that is missing, as after a change of rate, is silence.
    const bool goes_on = layout_.samples - end >= layout_.hop;
    if (!goes_on) sound_.resize(size_t(layout_.samples), 0.0f);
    if (goes_on) {
        from_ = std::max<int64_t>(0, end - int64_t(kFade * rate));
        to_ = layout_.samples;
    }
    if (!r.repaint) return;
    const auto& [first, last] = *r.repaint;
    if (!(first >= 0 && first < last && first < length))
        usage("the part to make anew: expected a part of 0 to " + seconds_text(length) +
              "; found " + seconds_text(first) + " to " + seconds_text(last));
    const int64_t from = std::llround(first * rate);
    const int64_t to = int64_t(std::min(double(layout_.samples), std::round(last * rate)));
    if (goes_on && to < from_)
        usage("the sound ends at " + seconds_text(double(end) / rate) +
              " and goes on from there: a part to make anew must reach so far, not end at " +
              seconds_text(last));
    from_ = goes_on ? std::min(from, from_) : from;
    to_ = goes_on ? layout_.samples : to;
}

void InitSound::encode(const Encode& encode, const Autoencoder& vae, int samples,
                       NoiseSource& noise) {
    std::vector<float> heard(size_t(layout_.latents) * size_t(layout_.hop), 0.0f);
    for (size_t i = 0; i < std::min(heard.size(), sound_.size()); i++)
        heard[i] = (sound_[i] - offset_) * gain_;
    const LatentDistribution d = encode(heard);
    const size_t each = d.mean.size();
    latent_.assign(each * size_t(samples), 0.0f);
    noise.fill(latent_);
    for (size_t i = 0; i < latent_.size(); i++)
        latent_[i] = d.mean[i % each] + d.deviation[i % each] * latent_[i];
    for (int i = 0; i < samples; i++)
        vae.to_model(std::span(latent_).subspan(size_t(i) * each, each));
    noise_.resize(latent_.size());
    noise.fill(noise_);
}

void InitSound::start(const Sampler& sampler, Latent& x) const {
    if (strength_ < 1 || mask_.empty()) return sampler.add_noise(latent_, noise_, x);
    x = noise_;
    sampler.scale_initial_noise(x);
}

void InitSound::blend(const Sampler& sampler, Latent& x) const {
    Latent known(x.size());
    sampler.add_noise(latent_, noise_, known);
    const size_t row = size_t(layout_.bands), rows = mask_.size();
    for (size_t i = 0; i < x.size(); i++) {
        const float m = mask_[i / row % rows];
        x[i] = (1 - m) * known[i] + m * x[i];
    }
}

void InitSound::finish(std::vector<float>& waveform) const {
    float peak = 0;
    for (float v : waveform) peak = std::max(peak, std::abs(v));
    // Back to the sound's level, but not beyond full scale.
    const float back = mask_.empty() ? std::min(1 / gain_, 1 / std::max(peak, 1e-6f)) : 1 / gain_;
    for (float& v : waveform) v *= back;
    if (mask_.empty()) return;
    const double fade = kFade * layout_.sample_rate;
    for (int64_t i = 0; i < int64_t(std::min(waveform.size(), sound_.size())); i++) {
        // How far inside the new part: 0 at its edges and outside, 1 after the fade. An edge at
        // the end of everything does not fade.
        const double after = from_ > 0 ? double(i - from_) : fade;
        const double before = to_ < layout_.samples ? double(to_ - i) : fade;
        const float share = float(std::clamp(std::min(after, before) / fade, 0.0, 1.0));
        waveform[size_t(i)] = share * waveform[size_t(i)] + (1 - share) * sound_[size_t(i)];
    }
}

}   // namespace kiln
