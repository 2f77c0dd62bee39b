// kiln audio: requests to modalities/audio, sounds back.
#include <algorithm>
#include <filesystem>

#include "modalities/audio/audio_model.h"
#include "modalities/diffusion/sampler.h"
#include "plugins/audio/description.h"
#include "plugins/audio/sound_file.h"
#include "plugins/sdk/models.h"
#include "runtime/tune/tune.h"

namespace kiln::audio_plugin {

class AudioPlugin {
public:
    explicit AudioPlugin(const sdk::Options& options) : options_(options) {}

    static const char* describe() {
        static const std::string text = [] {
            Json d = Json::parse(kDescription);
            d["request"]["properties"]["sampler"]["enum"] = sampler_names();
            d["request"]["properties"]["schedule"]["enum"] = schedule_names();
            return d.dump();
        }();
        return text.c_str();
    }
    static std::string models(const sdk::Options& options) {
        return sdk::list_models_by(options, "audio",
                                   [](auto& p) { return open_audio_checkpoint(p); });
    }

    void run(const sdk::Request& request, const sdk::Events& events) try {
        Json json = Json::parse(request.json);
        const SoundOptions file = sound_options(json, request.media_type);
        const std::string model = sdk::find_model(options_, "audio", json.value("model", ""));
        open(model, json, events);
        AudioRequest r = audio_request(json, request, pipeline_->info());
        json["model"] = std::filesystem::path(model).stem().string();
        json["version"] = "0.1.0";
        const int count = r.count, batch = std::min(r.batch, count);
        for (int done = 0; done < count; done += r.count, r.seed += uint64_t(r.count)) {
            r.count = std::min(batch, count - done);   // one batch a run: what is finished is kept
            for (const AudioTake& each : take(pipeline_->run(r, listen(events, r, done, count))))
                store(each, uint32_t(each.seed - r.seed) + uint32_t(done), json, file, events);
        }
    } catch (const ResultError& e) {
        throw sdk::Failure(kiln_status(int(e.error.status)), e.error.message);
    } catch (const ModelError& e) {
        throw sdk::Failure(KILN_BAD_FILE, e.what());
    }

private:
    // Opens the device once, and the model unless it is the one that was opened last.
    void open(const std::string& model, const Json& json, const sdk::Events& events) {
        LogSink log = [this](LogLevel level, std::string_view text) {
            auto as = std::min(kiln_log_level(int(level)), KILN_LOG_WARNING);
            options_.log(as, std::string(text));
        };
        if (!device_) {
            DeviceOptions d;
            d.select = options_.device, d.profile = options_.caps;
            d.memory_limit = options_.memory, d.cache_folder = options_.cache, d.log = log;
            auto device = take(Device::open(d));
            if (options_.tuning) take(tune(device, tuning(log, events)));
            device_ = std::move(device);
        }
        AudioOptions o = audio_options(json);
        o.log = log;
        const std::string key = Json({model, o.variant, o.tokenizer, int(o.precision)}).dump();
        if (pipeline_ && key == opened_) return;
        events.progress(0, 0, 0, "loading");
        pipeline_.reset();   // before the next one asks for memory
        pipeline_ = take(AudioPipeline::open(device_, model, o));
        opened_ = key;
    }

    TuneOptions tuning(const LogSink& log, const sdk::Events& events) const {
        TuneOptions t{.folder = options_.cache, .log = log};
        t.progress = [&](int done, int total) {
            events.progress(uint32_t(done), uint32_t(total), 0, kTuningStage);
        };
        t.cancelled = [&] { return events.cancelled(); };
        return t;
    }

    static AudioEvents listen(const sdk::Events& events, const AudioRequest& r, int done,
                              int count) {
        AudioEvents e;
        e.progress = [&, done, count, fraction = 0.0](std::string_view stage, int step,
                                                      int total) mutable {
            const double now = (done + share_done(stage, step, total) * r.count) / count;
            fraction = std::max(fraction, now);   // kernels are compiled in between
            events.progress(uint32_t(step), uint32_t(total), fraction, std::string(stage).c_str());
        };
        e.cancelled = [&] { return events.cancelled(); };
        return e;
    }

    void store(const AudioTake& each, uint32_t index, Json metadata, const SoundOptions& options,
               const sdk::Events& events) const {
        metadata["seed"] = each.seed;
        const auto file = sound_file(each.sound, metadata, options);
        const std::string text = metadata.dump(), name = metadata["prompt"];
        const auto drawn = spectrogram_file(device_, each.sound, metadata);
        events.artifact({index, std::string(media_type(options.format)), name, text, file});
        if (!drawn.empty()) events.artifact({index, "image/png", name, text, drawn});
    }

    sdk::Options options_;
    std::shared_ptr<Device> device_;
    std::optional<AudioPipeline> pipeline_;
    std::string opened_;
};

}   // namespace kiln::audio_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::audio_plugin::AudioPlugin>();
}
