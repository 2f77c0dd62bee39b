#include "modalities/audio/pipeline.h"

#include "modalities/audio/audio_model.h"

namespace kiln {

Result<AudioPipeline> AudioPipeline::open(std::shared_ptr<Device> device, const std::string& path,
                                          const AudioOptions& options) {
    const auto checkpoint = open_audio_checkpoint(path, options);
    if (!checkpoint) return checkpoint.error();
    return guarded([&] { return AudioPipeline(checkpoint->load(std::move(device), options)); });
}

Result<std::vector<AudioTake>> AudioPipeline::run(const AudioRequest& request,
                                                  const AudioEvents& events) {
    return guarded([&] { return model_->run(request, events); });
}

AudioPipeline::AudioPipeline(std::unique_ptr<AudioModel> model) : model_(std::move(model)) {}
AudioPipeline::AudioPipeline(AudioPipeline&&) noexcept = default;
AudioPipeline& AudioPipeline::operator=(AudioPipeline&&) noexcept = default;
AudioPipeline::~AudioPipeline() = default;
const AudioInfo& AudioPipeline::info() const { return model_->info(); }

}   // namespace kiln
