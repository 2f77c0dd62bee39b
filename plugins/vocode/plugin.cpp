// kiln vocode: spectrograms to modalities/audio, sound back.
#include <filesystem>

#include "modalities/audio/griffin_lim.h"
#include "plugins/vocode/description.h"
#include "plugins/vocode/models.h"
#include "plugins/vocode/result.h"
#include "runtime/tune/tune.h"

namespace kiln::vocode_plugin {

class VocodePlugin {
public:
    explicit VocodePlugin(const sdk::Options& options) : options_(options) {}

    static const char* describe() { return kDescription; }
    static std::string models(const sdk::Options& options) { return list_models(options); }

    void run(const sdk::Request& request, const sdk::Events& events) try {
        Json json = Json::parse(request.json);
        const sdk::Blob* file = request.find(json["input"].get<std::string>());
        if (!file) throw sdk::Failure(KILN_USAGE, "the request brings no input");
        const bool neural = json["vocoder"] != "griffin-lim";
        const std::string model = neural ? find_model(options_, json["vocoder"]) : "";
        open_device(events);
        if (neural) open_vocoder(model, json["precision"] == "f16", events);
        const MelOptions front_end =
            neural ? vocoder_mel(vocoder_->config()) : front_end_of(json["front_end"], *file);
        const Source source = read_source(device_, *file, front_end);
        events.stop_if_cancelled();
        Sound sound{front_end.sample_rate, 1, {}};
        sound.samples =
            neural ? take(vocoder_->run(source.mel.values, listen<Vocoder::Events>(events)))
                   : by_griffin_lim(source.mel, front_end, json, events);
        centre(sound, source.mel.frames * front_end.hop);
        if (source.sound) options_.log(KILN_LOG_INFO, compare(device_, sound, *source.sound, json));
        json["input"] = std::filesystem::path(file->file_name).filename().string();
        const std::string title = std::filesystem::path(file->file_name).stem().string();
        std::vector<std::byte> bytes;
        events.artifact(as_file(std::move(sound), request.media_type, title, json, bytes));
    } catch (const ResultError& e) {
        throw sdk::Failure(kiln_status(int(e.error.status)), e.error.message);
    } catch (const ModelError& e) {
        throw sdk::Failure(KILN_BAD_FILE, e.what());
    }

private:
    void open_device(const sdk::Events& events) {
        if (device_) return;
        DeviceOptions d;
        d.select = options_.device, d.profile = options_.caps;
        d.memory_limit = options_.memory, d.cache_folder = options_.cache;
        d.log = [this](LogLevel level, std::string_view text) {
            options_.log(std::min(kiln_log_level(int(level)), KILN_LOG_WARNING), std::string(text));
        };
        auto device = take(Device::open(d));
        TuneOptions t{.folder = options_.cache, .log = d.log};
        t.progress = [&](int done, int total) {
            events.progress(uint32_t(done), uint32_t(total), 0, kTuningStage);
        };
        t.cancelled = [&] { return events.cancelled(); };
        if (options_.tuning) take(tune(device, t));
        device_ = std::move(device);
    }

    // Unless it is the one that was opened last.
    void open_vocoder(const std::string& path, bool half, const sdk::Events& events) {
        const std::string key = path + (half ? " f16" : "");
        if (vocoder_ && key == opened_) return;
        events.progress(0, 0, 0, "loading");
        const VocoderFiles files = take(VocoderFiles::open(path));
        vocoder_.reset();   // before the next one asks for memory
        vocoder_.emplace(device_, files,
                         VocoderOptions{.activations = half ? DType::f16 : DType::f32});
        opened_ = key;
    }

    static MelOptions front_end_of(std::string name, const sdk::Blob& file) {
        if (name == "auto" && is_array(file) && bands_of(file) == 64) name = "audio_ldm";
        return named_front_end(name);
    }

    template <class E>
    static E listen(const sdk::Events& events) {
        E e;
        e.progress = [&](auto done, auto total) {
            const double fraction = double(done) / double(total);
            events.progress(uint32_t(done), uint32_t(total), fraction, "vocoding");
        };
        e.cancelled = [&] { return events.cancelled(); };
        return e;
    }

    std::vector<float> by_griffin_lim(const Mel& mel, const MelOptions& front_end, const Json& json,
                                      const sdk::Events& events) const {
        GriffinLimOptions o{.iterations = json["iterations"], .momentum = json["momentum"]};
        o.seed = json["seed"].get<uint32_t>();
        return take(griffin_lim_of_mel(device_, mel.values, front_end, o,
                                       listen<GriffinLimEvents>(events)));
    }

    sdk::Options options_;
    std::shared_ptr<Device> device_;
    std::optional<Vocoder> vocoder_;
    std::string opened_;
};

}   // namespace kiln::vocode_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::vocode_plugin::VocodePlugin>();
}
