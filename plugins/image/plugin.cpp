// kiln image: requests to modalities/image, pictures back.
#include <algorithm>
#include <filesystem>

#include "modalities/diffusion/sampler.h"
#include "modalities/image/checkpoint.h"
#include "plugins/image/description.h"
#include "plugins/image/infotext.h"
#include "plugins/image/request.h"
#include "plugins/sdk/models.h"
#include "runtime/tune/tune.h"

namespace kiln::image_plugin {

class ImagePlugin {
public:
    explicit ImagePlugin(const sdk::Options& options) : options_(options) {}
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
        return sdk::list_models_by(options, "image", [](auto& p) { return open_checkpoint(p); });
    }

    void run(const sdk::Request& request, const sdk::Events& events) try {
        Json json = Json::parse(request.json);
        std::string model = sdk::find_model(options_, "image", json.value("model", ""));
        open(model, json, events);
        ImageRequest r = image_request(json, request, pipeline_->info());
        json["model"] = std::filesystem::path(model).stem().string();
        json["version"] = "0.1.0";
        int count = r.count, batch = std::min(r.batch, count);
        for (int done = 0; done < count; done += r.count, r.seed += uint64_t(r.count)) {
            r.count = std::min(batch, count - done);   // one batch a run: what is finished is kept
            for (const Picture& picture : take(pipeline_->run(r, listen(events, r, done, count))))
                store(picture, uint32_t(picture.seed - r.seed) + uint32_t(done), json, events);
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
        ImageOptions o = image_options(json);
        o.log = log;
        if (o.tokenizer.empty()) o.tokenizer = options_.share + "/clip_bpe";
        std::string key =
            Json({model, o.variant, o.vae, o.tokenizer, o.prediction, int(o.precision)}).dump();
        if (pipeline_ && key == opened_) return;
        events.progress(0, 0, 0, "loading");
        pipeline_.reset();   // before the next one asks for memory
        pipeline_ = take(ImagePipeline::open(device_, model, o));
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

    static ImageEvents listen(const sdk::Events& events, const ImageRequest& r, int done,
                              int count) {
        ImageEvents e;
        e.progress = [&, done, count, fraction = 0.0](std::string_view stage, int step,
                                                      int total) mutable {
            const double now = (done + share_done(stage, step, total) * r.count) / count;
            fraction = std::max(fraction, now);   // kernels are compiled in between
            events.progress(uint32_t(step), uint32_t(total), fraction, std::string(stage).c_str());
        };
        e.preview = [&, done](int index, const Image& image) {
            events.preview({uint32_t(done + index), "image/png", r.prompt, "", encode_png(image)});
        };
        e.cancelled = [&] { return events.cancelled(); };
        return e;
    }

    static void store(const Picture& picture, uint32_t index, Json metadata,
                      const sdk::Events& events) {
        metadata["seed"] = picture.seed;
        auto png = encode_png(picture.image,
                              {{"parameters", infotext(metadata)}, {"kiln", metadata.dump()}});
        events.artifact({index, "image/png", metadata["prompt"], metadata.dump(), png});
    }

    sdk::Options options_;
    std::shared_ptr<Device> device_;
    std::optional<ImagePipeline> pipeline_;
    std::string opened_;
};

}   // namespace kiln::image_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::image_plugin::ImagePlugin>();
}
