#include "modalities/audio/init_sound.h"

#include <algorithm>
#include <cmath>

#include "modalities/audio/audio_model.h"

namespace kiln {
namespace {

constexpr double kFade = 0.02;   // seconds over which what is kept goes over into what is new
constexpr float kLevel = 0.5f;   // the peak that AudioLDM's training gave every sound

// With so many channels: one for all of them, or the average of all.
Sound with_channels(const Sound& sound, int channels) {
    if (sound.channels == channels) return sound;
    const Sound mono = to_mono(sound);
    Sound result{sound.sample_rate, channels, {}};
    for (float v : mono.samples) result.samples.insert(result.samples.end(), size_t(channels), v);
    return result;
}

std::vector<float> prepared(const Sound& sound, const SoundLayout& layout) {
    if (sound.frames() < 1) usage("the sound to start from is empty");
    const Sound fitting = with_channels(sound, layout.channels);
    return fitting.sample_rate == layout.sample_rate
               ? fitting.samples
               : take(resample_sound(fitting, layout.sample_rate)).samples;
}

}   // namespace

InitSound::InitSound(const AudioRequest& r, const SoundLayout& layout, const Hearing& hearing)
    : layout_(layout), hearing_(hearing), sound_(prepared(*r.init, layout)) {
    const size_t most = size_t(layout.latents) * size_t(layout.hop) * size_t(layout.channels);
    if (sound_.size() > most) sound_.resize(most);
    if (hearing.levelled) {
        double mean = 0;
        for (float v : sound_) mean += v;
        offset_ = float(mean / double(sound_.size()));
        float peak = 0;
        for (float v : sound_) peak = std::max(peak, std::abs(v - offset_));
        gain_ = peak > 1e-5f ? kLevel / peak : 1;
    }

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
    const int64_t end = std::min(int64_t(sound_.size()) / layout_.channels, layout_.samples);
    // A moment that is missing, as after a change of rate, is silence.
    const bool goes_on = layout_.samples - end >= layout_.hop;
    const size_t all = size_t(layout_.samples * layout_.channels);
    if (!goes_on && sound_.size() < all) sound_.resize(all, 0.0f);
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

void InitSound::encode(const Encode& encode) {
    std::vector<float> samples(
        size_t(layout_.latents) * size_t(layout_.hop) * size_t(layout_.channels), 0.0f);
    for (size_t i = 0; i < std::min(samples.size(), sound_.size()); i++)
        samples[i] = (sound_[i] - offset_) * gain_;
    heard_ = encode(samples);
}

void InitSound::draw(int samples, NoiseSource& noise, const ToModel& to_model) {
    const size_t each = heard_.mean.size();
    latent_.assign(each * size_t(samples), 0.0f);
    noise_.assign(latent_.size(), 0.0f);
    if (hearing_.noise_first) noise.fill(noise_);
    noise.fill(latent_);
    if (!hearing_.noise_first) noise.fill(noise_);
    for (size_t i = 0; i < latent_.size(); i++)
        latent_[i] = heard_.mean[i % each] + heard_.deviation[i % each] * latent_[i];
    for (int i = 0; to_model && i < samples; i++)
        to_model(std::span(latent_).subspan(size_t(i) * each, each));
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
    if (hearing_.levelled)
        for (float& v : waveform) v *= back;
    if (mask_.empty()) return;
    const double fade = kFade * layout_.sample_rate;
    for (size_t at = 0; at < std::min(waveform.size(), sound_.size()); at++) {
        const int64_t i = int64_t(at) / layout_.channels;
        // How far inside the new part: 0 at its edges and outside, 1 after the fade. An edge at
        // the end of everything does not fade.
        const double after = from_ > 0 ? double(i - from_) : fade;
        const double before = to_ < layout_.samples ? double(to_ - i) : fade;
        const float share = float(std::clamp(std::min(after, before) / fade, 0.0, 1.0));
        waveform[at] = share * waveform[at] + (1 - share) * sound_[at];
    }
}

}   // namespace kiln
