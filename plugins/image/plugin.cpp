// kiln image: requests to modalities/image, pictures back.
#include "modalities/image/checkpoint.h"
#include "plugins/builtin/fields.h"
#include "plugins/builtin/session.h"
#include "plugins/image/description.h"
#include "plugins/image/infotext.h"
#include "plugins/image/request.h"
#include "plugins/sdk/models.h"

namespace kiln::image_plugin {

using builtin::Batch;

class ImagePlugin {
public:
    explicit ImagePlugin(const sdk::Options& options) : session_(options) {}

    static const char* describe() {
        static const std::string text = builtin::described(kDescription);
        return text.c_str();
    }
    static std::string models(const sdk::Options& options) {
        return sdk::list_models_by(options, "image", [](auto& p) { return open_checkpoint(p); });
    }

    void run(const sdk::Request& request, const sdk::Events& events) {
        builtin::as_failures([&] {
            Json json = Json::parse(request.json);
            const std::string model =
                sdk::find_model(session_.options(), "image", json.value("model", ""));
            ImagePipeline& pipeline = open(model, json, events);
            const ImageRequest whole = image_request(json, request, pipeline.info());
            builtin::sign(json, model);
            builtin::in_batches(whole, [&](const ImageRequest& r, Batch batch) {
                for (const Picture& each : take(pipeline.run(r, listen(events, r, batch))))
                    store(each, uint32_t(each.seed - whole.seed), json, events);
            });
        });
    }

private:
    ImagePipeline& open(const std::string& model, const Json& json, const sdk::Events& events) {
        const auto device = session_.device(events);
        ImageOptions o = image_options(json);
        o.log = session_.log();
        if (o.tokenizer.empty()) o.tokenizer = session_.options().share + "/clip_bpe";
        const Json key = {model, o.variant, o.vae, o.tokenizer, o.prediction, int(o.precision)};
        return pipeline_.get(key.dump(), events, [&](std::optional<ImagePipeline>& slot) {
            slot = take(ImagePipeline::open(device, model, o));
        });
    }

    static ImageEvents listen(const sdk::Events& events, const ImageRequest& r, Batch batch) {
        ImageEvents e;
        e.progress = builtin::progress_of(events, {{"denoising", 0.9}, {"decoding", 0.1}}, batch);
        e.preview = [&, batch](int index, const Image& image) {
            const auto png = encode_png(image);
            events.preview({uint32_t(batch.done + index), "image/png", r.prompt, "", png});
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

    builtin::Session session_;
    builtin::Kept<ImagePipeline> pipeline_;
};

}   // namespace kiln::image_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::image_plugin::ImagePlugin>();
}
