// The sound that a request asks for, from what a vocoder made, and how it is described.
#pragma once
#include "plugins/builtin/request.h"
#include "plugins/vocode/source.h"

namespace kiln::vocode_plugin {

using builtin::Json;

// A vocoder whose kernels and rates differ by odd numbers makes more samples than the spectrogram
// has frames for, half of them before the first.
void centre(Sound& sound, int64_t samples);

// Notes in `request` how far the sound is from the one it was made of, and returns it in words.
std::string compare(const std::shared_ptr<Device>& device, const Sound& sound,
                    const Sound& original, Json& request);

// Resampled, at its loudness, as the file that `media_type` or else WAV asks for; `request`, which
// is completed, stands in its comment.
sdk::Artifact as_file(Sound sound, std::string_view media_type, const std::string& title,
                      Json& request, std::vector<std::byte>& bytes);

}   // namespace kiln::vocode_plugin
