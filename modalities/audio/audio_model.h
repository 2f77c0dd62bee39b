// What AudioPipeline knows of a family of models: how to recognise one on disk, and how to run it.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "modalities/audio/pipeline.h"
#include "modalities/diffusion/config.h"

namespace kiln {

class AudioModel {
public:
    virtual ~AudioModel() = default;
    virtual const AudioInfo& info() const = 0;
    // AudioPipeline::run(), whose errors it throws as ResultError or ModelError.
    virtual std::vector<AudioTake> run(const AudioRequest& request, const AudioEvents& events) = 0;
};

// A model on disk, recognised and checked, with the weights still in its files.
struct AudioCheckpoint {
    std::string family;   // for people: "AudioLDM (folder)"
    std::function<std::unique_ptr<AudioModel>(std::shared_ptr<Device>, const AudioOptions&)> load;
};

// Any family. What is not recognised, or does not fit together, is Status::bad_file and says what
// was seen.
Result<AudioCheckpoint> open_audio_checkpoint(const std::string& path,
                                              const AudioOptions& options = {});

// The request with its defaults filled in; what this model cannot make is Status::usage.
AudioRequest checked(AudioRequest request, const AudioInfo& info, const SchedulerConfig& scheduler);

std::string seconds_text(double seconds);   // "0.4 s"

// For the log, if the sound to start from is not as the model hears it.
void note_conversion(const Sound& sound, const AudioInfo& info, const LogSink& log);

}   // namespace kiln
