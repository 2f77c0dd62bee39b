// The spectrogram that a request brings, and the front end it was made with.
#pragma once
#include <optional>

#include "modalities/audio/vocoder.h"
#include "plugins/sdk/adapter.h"
#include "runtime/io/audio.h"

namespace kiln::vocode_plugin {

struct Source {
    Mel mel;
    std::optional<Sound> sound;   // that it is of: mono, at the front end's rate
};

// AudioLDM's front end as its vocoder was trained with it; "hifi_gan" is that of V1 to V3.
MelOptions named_front_end(const std::string& name);

// The file's bytes: a sound; a .npy file; or a .safetensors file with one tensor, or one that is
// called "mel". An array is [bands, frames], as librosa has it, or [frames, bands], whichever fits
// `bands` (the first, when both do). What does not fit is a ResultError.
Mel read_mel(const sdk::Blob& file, int bands);
bool is_array(const sdk::Blob& file);   // rather than a sound
int bands_of(const sdk::Blob& array);   // 64 or 80 if one of its axes has as many, else 0

// Of a file that is either; sound is mixed down and resampled first.
Source read_source(const std::shared_ptr<Device>& device, const sdk::Blob& file,
                   const MelOptions& front_end);

}   // namespace kiln::vocode_plugin
