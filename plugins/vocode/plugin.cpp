// kiln vocode: spectrograms to modalities/audio, sound back.
#include <filesystem>

#include "modalities/audio/griffin_lim.h"
#include "plugins/builtin/fields.h"
#include "plugins/builtin/session.h"
#include "plugins/vocode/description.h"
#include "plugins/vocode/models.h"
#include "plugins/vocode/result.h"

namespace kiln::vocode_plugin {

class VocodePlugin {
public:
    explicit VocodePlugin(const sdk::Options& options) : session_(options) {}

    static const char* describe() {
        static const std::string text = builtin::described(kDescription);
        return text.c_str();
    }
    static std::string models(const sdk::Options& options) { return list_models(options); }

    void run(const sdk::Request& request, const sdk::Events& events) {
        builtin::as_failures([&] { vocode(request, events); });
    }

private:
    void vocode(const sdk::Request& request, const sdk::Events& events) {
        Json json = Json::parse(request.json);
        const sdk::Blob* file = builtin::file_of(json, "input", request);
        if (!file) throw sdk::Failure(KILN_USAGE, "the request brings no input");
        const bool neural = json["vocoder"] != "griffin-lim";
        const std::string model = neural ? find_model(session_.options(), json["vocoder"]) : "";
        const auto device = session_.device(events);
        Vocoder* vocoder = neural ? &open(model, json["precision"] == "f16", events) : nullptr;
        const MelOptions front_end =
            neural ? vocoder_mel(vocoder->config()) : front_end_of(json["front_end"], *file);
        const Source source = read_source(device, *file, front_end);
        events.stop_if_cancelled();
        Sound sound{front_end.sample_rate, 1, {}};
        sound.samples = neural
                            ? take(vocoder->run(source.mel.values, listen<Vocoder::Events>(events)))
                            : by_griffin_lim(source.mel, front_end, json, events);
        centre(sound, source.mel.frames * front_end.hop);
        if (source.sound)
            session_.options().log(KILN_LOG_INFO, compare(device, sound, *source.sound, json));
        const std::filesystem::path name(file->file_name);
        json["input"] = name.filename().string();
        std::vector<std::byte> bytes;
        events.artifact(
            as_file(std::move(sound), request.media_type, name.stem().string(), json, bytes));
    }

    Vocoder& open(const std::string& path, bool half, const sdk::Events& events) {
        const VocoderOptions o{.activations = half ? DType::f16 : DType::f32};
        const Json key = {path, half};
        return vocoder_.get(key.dump(), events, [&](std::optional<Vocoder>& slot) {
            slot.emplace(session_.device(events), take(VocoderFiles::open(path)), o);
        });
    }

    static MelOptions front_end_of(std::string name, const sdk::Blob& file) {
        if (name == "auto" && is_array(file) && bands_of(file) == 64) name = "audio_ldm";
        return named_front_end(name);
    }

    template <class E>
    static E listen(const sdk::Events& events) {
        E e;
        e.progress = [tell = builtin::progress_of(events, {{"vocoding", 1}})](
                         auto done, auto total) { tell("vocoding", int(done), int(total)); };
        e.cancelled = [&] { return events.cancelled(); };
        return e;
    }

    std::vector<float> by_griffin_lim(const Mel& mel, const MelOptions& front_end, const Json& json,
                                      const sdk::Events& events) {
        GriffinLimOptions o{.iterations = json["iterations"], .momentum = json["momentum"]};
        o.seed = json["seed"].get<uint32_t>();
        return take(griffin_lim_of_mel(session_.device(events), mel.values, front_end, o,
                                       listen<GriffinLimEvents>(events)));
    }

    builtin::Session session_;
    builtin::Kept<Vocoder> vocoder_;
};

}   // namespace kiln::vocode_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::vocode_plugin::VocodePlugin>();
}
