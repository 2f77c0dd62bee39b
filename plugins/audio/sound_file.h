// The files that come out: in the format, at the rate and as loud as asked for, with what makes the
// same again in their tags.
#pragma once
#include "plugins/audio/request.h"

namespace kiln::audio_plugin {

// What a file is to be, by the request and the media type that its name asked for ("": none). What
// cannot be, as 32 bits in FLAC, is a ResultError (Status::usage), before anything is computed.
SoundOptions sound_options(const Json& request, std::string_view media_type);

// A request for the high band of a model that has it already is a ResultError (Status::usage).
void check_high_band(const Json& request, int sample_rate);
Sound with_high_band(const std::shared_ptr<Device>& device, const Sound& sound,
                     const Json& request);

// The file of a sound. The request is completed, and stands in the comment as JSON.
std::vector<std::byte> sound_file(Sound sound, const Json& request, SoundOptions options);

// Its spectrogram as a PNG, where the request asks for one; else nothing.
std::vector<std::byte> spectrogram_file(const std::shared_ptr<Device>& device, const Sound& sound,
                                        const Json& request);

}   // namespace kiln::audio_plugin
