// kiln audio: requests to modalities/audio, sounds back.
#include "modalities/audio/audio_model.h"
#include "plugins/audio/description.h"
#include "plugins/audio/ranking.h"
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
            const std::optional<Ranking> ranking = ranking_of(json, request, model);
            Clap* clap = ranking ? &open_clap(ranking->clap, events) : nullptr;
            const AudioInfo info = open(model, json, events).info();
            AudioRequest whole = audio_request(json, request, info);
            check_high_band(json, info.sample_rate);
            builtin::sign(json, model);
            const auto run = [&](const AudioRequest& r, const AudioEvents& e) {
                return take(open(model, json, events).run(r, e));
            };
            if (!ranking) {
                builtin::in_batches(whole, [&](const AudioRequest& r, Batch batch) {
                    for (const AudioTake& each : run(r, listen(events, batch)))
                        store(each, uint32_t(each.seed - whole.seed), json, file, events);
                });
                return;
            }
            whole.count *= ranking->candidates;
            Shortlist shortlist(*clap, *ranking, whole.prompt, [&] { pipeline_.drop(); });
            builtin::in_batches(whole, [&](const AudioRequest& r, Batch batch) {
                const AudioEvents e = listen(events, batch);
                shortlist.add(run(r, e), e);
            });
            uint32_t index = 0;
            for (const RankedTake& each : std::move(shortlist).best())
                store(each.take, index++, ranked_metadata(json, each), file, events);
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

    Clap& open_clap(const std::string& folder, const sdk::Events& events) {
        const auto device = session_.device(events);
        return clap_.get(folder, events, [&](std::optional<Clap>& slot) {
            slot.emplace(device, take(ClapFiles::open(folder)));
        });
    }

    static AudioEvents listen(const sdk::Events& events, Batch batch) {
        AudioEvents e;
        e.progress = builtin::progress_of(
            events, {{"denoising", 0.8}, {"decoding", 0.1}, {"vocoding", 0.1}, {"ranking", 0}},
            batch);
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
    builtin::Kept<Clap> clap_;
};

}   // namespace kiln::audio_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::audio_plugin::AudioPlugin>();
}
