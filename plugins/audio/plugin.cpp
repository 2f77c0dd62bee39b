// kiln audio: requests to modalities/audio, sounds back.
#include "modalities/audio/audio_model.h"
#include "plugins/audio/description.h"
#include "plugins/audio/sound_file.h"
#include "plugins/builtin/fields.h"
#include "plugins/builtin/session.h"
#include "plugins/sdk/models.h"

namespace kiln::audio_plugin {

using builtin::Batch;

class AudioPlugin {
public:
    explicit AudioPlugin(const sdk::Options& options) : session_(options) {}

    static const char* describe() {
        static const std::string text = builtin::described(kDescription);
        return text.c_str();
    }
    static std::string models(const sdk::Options& options) {
        return sdk::list_models_by(options, "audio",
                                   [](auto& p) { return open_audio_checkpoint(p); });
    }

    void run(const sdk::Request& request, const sdk::Events& events) {
        builtin::as_failures([&] {
            Json json = Json::parse(request.json);
            const SoundOptions file = sound_options(json, request.media_type);
            const std::string model =
                sdk::find_model(session_.options(), "audio", json.value("model", ""));
            AudioPipeline& pipeline = open(model, json, events);
            const AudioRequest whole = audio_request(json, request, pipeline.info());
            check_high_band(json, pipeline.info().sample_rate);
            builtin::sign(json, model);
            builtin::in_batches(whole, [&](const AudioRequest& r, Batch batch) {
                for (const AudioTake& each : take(pipeline.run(r, listen(events, batch))))
                    store(each, uint32_t(each.seed - whole.seed), json, file, events);
            });
        });
    }

private:
    AudioPipeline& open(const std::string& model, const Json& json, const sdk::Events& events) {
        const auto device = session_.device(events);
        AudioOptions o = audio_options(json);
        o.log = session_.log();
        const Json key = {model, o.variant, o.tokenizer, int(o.precision)};
        return pipeline_.get(key.dump(), events, [&](std::optional<AudioPipeline>& slot) {
            slot = take(AudioPipeline::open(device, model, o));
        });
    }

    static AudioEvents listen(const sdk::Events& events, Batch batch) {
        AudioEvents e;
        e.progress = builtin::progress_of(
            events, {{"denoising", 0.8}, {"decoding", 0.1}, {"vocoding", 0.1}}, batch);
        e.cancelled = [&] { return events.cancelled(); };
        return e;
    }

    void store(const AudioTake& each, uint32_t index, Json metadata, const SoundOptions& options,
               const sdk::Events& events) {
        metadata["seed"] = each.seed;
        const auto device = session_.device(events);
        const Sound sound = with_high_band(device, each.sound, metadata);
        const auto file = sound_file(sound, metadata, options);
        const std::string text = metadata.dump(), name = metadata["prompt"];
        const auto drawn = spectrogram_file(device, sound, metadata);
        events.artifact({index, std::string(media_type(options.format)), name, text, file});
        if (!drawn.empty()) events.artifact({index, "image/png", name, text, drawn});
    }

    builtin::Session session_;
    builtin::Kept<AudioPipeline> pipeline_;
};

}   // namespace kiln::audio_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::audio_plugin::AudioPlugin>();
}
