#include "modalities/audio/audio_model.h"

#include <array>
#include <filesystem>

#include "modalities/audio/spectrogram_pipeline.h"
#include "modalities/audio/stable_audio_pipeline.h"
#include "modalities/latent/model_folder.h"
#include "modalities/latent/sampling.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

using OpenCheckpoint = AudioCheckpoint (*)(const std::string& path, const AudioOptions& options);

struct Family {
    std::string_view pipeline;   // of diffusers
    OpenCheckpoint open;
};

constexpr std::array kFamilies = {Family{"AudioLDMPipeline", open_spectrogram_checkpoint},
                                  Family{"AudioLDM2Pipeline", open_spectrogram_checkpoint},
                                  Family{"StableAudioPipeline", open_stable_audio_checkpoint}};

AudioCheckpoint open_folder(const std::string& path, const AudioOptions& options) {
    std::vector<std::string_view> known;
    for (const Family& family : kFamilies) known.push_back(family.pipeline);
    const std::string found = ModelFolder(path).pipeline(known);
    for (const Family& family : kFamilies)
        if (found == family.pipeline) return family.open(path, options);
    ensure(false, "ModelFolder::pipeline() gives one of those it was asked for");
    return {};
}

}   // namespace

Result<AudioCheckpoint> open_audio_checkpoint(const std::string& path,
                                              const AudioOptions& options) {
    try {
        return fs::is_directory(path) ? open_folder(path, options)
                                      : open_spectrogram_checkpoint(path, options);
    } catch (const ResultError& failure) {
        return failure.error;
    } catch (const fs::filesystem_error& failure) {
        return Error{Status::bad_file, path + ": " + failure.code().message()};
    }
}

AudioRequest checked(AudioRequest r, const AudioInfo& info, const SchedulerConfig& scheduler) {
    if (r.seconds == 0) r.seconds = r.init ? r.init->seconds() : info.seconds;
    if (r.sampler.empty()) r.sampler = info.sampler;
    if (!r.steps) r.steps = info.steps;
    if (!r.cfg) r.cfg = info.cfg;
    if (!r.window) r.window = info.window;
    if (!(r.seconds > 0 && r.seconds <= info.longest))
        usage("seconds: expected more than 0 and at most " + seconds_text(info.longest) +
              "; found " + std::to_string(r.seconds));
    check(sampling_of(r), scheduler, info.samplers);
    check_range("window", *r.window, 0, info.longest);
    check_one_of("vocoder", r.vocoder, {"auto", "model", "griffin-lim"});
    if (r.repaint && !r.init) usage("a part to make anew needs the sound that it is a part of");
    return r;
}

std::string seconds_text(double seconds) {
    std::string text = std::to_string(seconds);
    while (text.ends_with('0')) text.pop_back();
    if (text.ends_with('.')) text.pop_back();
    return text + " s";
}

void note_conversion(const Sound& sound, const AudioInfo& info, const LogSink& log) {
    if (!log || (sound.channels == info.channels && sound.sample_rate == info.sample_rate)) return;
    const auto channels = [](int count) {
        return std::to_string(count) + (count == 1 ? " channel" : " channels");
    };
    log(LogLevel::info, "the sound to start from has " + channels(sound.channels) + " at " +
                            std::to_string(sound.sample_rate) + " Hz; the model hears " +
                            channels(info.channels) + " at " + std::to_string(info.sample_rate) +
                            " Hz");
}

}   // namespace kiln
