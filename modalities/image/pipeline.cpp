#include "modalities/image/pipeline.h"

#include <algorithm>
#include <cmath>

#include "modalities/image/checkpoint.h"
#include "modalities/image/conditioning.h"
#include "modalities/image/init_image.h"
#include "modalities/latent/autoencoder.h"
#include "modalities/latent/sampling.h"

namespace kiln {
namespace {

void check_size(const char* what, int value, int factor) {
    constexpr int kLargest = 16384;
    if (value >= factor && value % factor == 0 && value <= kLargest) return;
    const int low = std::max(factor, std::min(value, kLargest) / factor * factor);
    const int high = std::min(low + factor, kLargest);
    const bool between = value > low && value < high;
    usage(std::string(what) + " " + std::to_string(value) + ": must be a multiple of " +
          std::to_string(factor) + "; the nearest " +
          (between ? "are " + std::to_string(low) + " and " + std::to_string(high)
                   : "is " + std::to_string(value > low ? high : low)));
}

// [-1, 1] to bytes, rounding halves to even as numpy does.
Image to_picture(std::span<const float> pixels, int height, int width) {
    const size_t area = size_t(height) * size_t(width);
    Image image{
        .width = width, .height = height, .channels = int(pixels.size() / area), .pixels = {}};
    image.pixels.reserve(pixels.size());
    for (float value : pixels)
        image.pixels.push_back(
            uint8_t(std::nearbyint(std::clamp(value / 2 + 0.5f, 0.0f, 1.0f) * 255.0f)));
    return image;
}

}   // namespace

struct ImagePipeline::State {
    std::shared_ptr<Device> device;
    ImageOptions options;
    Checkpoint model;
    ImageInfo info;
    DType dtype;
    std::unordered_set<std::string> claimed;
    std::shared_ptr<Workspace> workspace;
    TextEncoders texts;
    LatentDenoiser denoiser;
    Autoencoder vae;
    Networks networks;

    State(std::shared_ptr<Device> d, Checkpoint m, const ImageOptions& o);
    ImageRequest checked(ImageRequest request) const;
    EncodedPrompt encode(const std::optional<std::string>& prompt, int clip_skip,
                         const ImageEvents& events);
    DenoiserJob job(const ImageRequest& request, const ImageEvents& events);
    Latent denoise(const ImageRequest& request, DenoiserJob job, int first,
                   const ImageEvents& events);
    std::vector<Picture> run(const ImageRequest& request, const ImageEvents& events);
    size_t latent_size(const ImageRequest& r) const {
        return size_t(model.vae.latent_channels) * size_t(r.height / info.factor) *
               size_t(r.width / info.factor);
    }
};

ImagePipeline::State::State(std::shared_ptr<Device> d, Checkpoint m, const ImageOptions& o)
    : device(std::move(d)),
      options(o),
      model(std::move(m)),
      dtype(activations(o.precision, model.unet_part, device->caps())),
      workspace(std::make_shared<Workspace>(device)),
      texts(device, workspace, model, {.deferred = true}, claimed),
      denoiser(device, workspace,
               unet_network(device, model.unet_part, model.unet, {.deferred = true}, claimed)),
      vae(device, workspace, model.vae_part, model.vae, {.deferred = true}, o.log, claimed),
      networks(device, workspace, denoiser, vae, {&texts},
               {.name =
                    [factor = model.vae.factor()](int height, int width) {
                        return std::to_string(width * factor) + " x " +
                               std::to_string(height * factor);
                    }},
               o.log) {
    const int size = model.sample_size * model.vae.factor();
    info = {.family = model.family,
            .width = size,
            .height = size,
            .factor = model.vae.factor(),
            .sampler = take(default_sampler(model.scheduler)),
            .cfg = model.guidance > 0               ? model.guidance
                   : model.unet.addition_time_width ? 5.0
                   : model.unet.guidance_width      ? 8.5
                                                    : 7.5,
            .inpainting = model.unet.in_channels > model.vae.latent_channels};
    std::vector<std::shared_ptr<const TensorFiles>> files = {model.unet_part.files,
                                                             model.vae_part.files};
    for (const CheckpointText& text : model.texts) files.push_back(text.part.files);
    warn_unclaimed(std::move(files), claimed, model.expected_unused, options.log);
}

// The request with its defaults filled in.
ImageRequest ImagePipeline::State::checked(ImageRequest r) const {
    if (!r.width) r.width = info.width;
    if (!r.height) r.height = info.height;
    if (r.sampler.empty()) r.sampler = info.sampler;
    if (!r.cfg) r.cfg = info.cfg;
    check_size("width", r.width, info.factor);
    check_size("height", r.height, info.factor);
    check(sampling_of(r), model.scheduler);
    if (r.vae_tile && *r.vae_tile) check_size("VAE tile", *r.vae_tile, 4 * info.factor);
    if (r.mask && !r.init) usage("a mask needs the picture that it masks");
    if (info.inpainting && !(r.init && r.mask))
        usage("this model repaints pictures: it needs a picture and a mask");
    if (r.init && !(r.strength > 0 && r.strength <= 1))
        usage("strength: expected more than 0 and at most 1; found " + std::to_string(r.strength));
    return r;
}

EncodedPrompt ImagePipeline::State::encode(const std::optional<std::string>& prompt, int clip_skip,
                                           const ImageEvents& events) {
    if (!prompt && model.zero_negative) return texts.zeros();
    const EncodedPrompt result = networks.with_room(
        texts, "the text encoders", [&] { return texts.least_memory(clip_skip); },
        [&] { return texts.encode(prompt.value_or(""), clip_skip, events.cancelled); });
    note_dropped(result.dropped, options.log);
    return result;
}

DenoiserJob ImagePipeline::State::job(const ImageRequest& r, const ImageEvents& events) {
    if (events.progress) events.progress("reading the prompt", 0, 1);
    const bool embeds_guidance = model.unet.guidance_width > 0;
    DenoiserJob job{.samples = r.batch,
                    .height = r.height / info.factor,
                    .width = r.width / info.factor,
                    .guided = *r.cfg > 1 && !embeds_guidance,
                    .two_passes = r.two_passes,
                    .dtype = dtype,
                    .weights = networks.best_placing()};
    const auto told = [&](const EncodedPrompt& prompt, bool negative) {
        return conditioning(model, prompt, *r.cfg, r.width, r.height, negative);
    };
    job.positive = told(encode(r.prompt, r.clip_skip, events), false);
    if (job.guided)   // diffusers never skips layers of the negative prompt
        job.negative = told(encode(r.negative, 0, events), true);
    return job;
}

// The batch of pictures that begins with `first`: from noise to latents.
Latent ImagePipeline::State::denoise(const ImageRequest& r, DenoiserJob job, int first,
                                     const ImageEvents& events) {
    const SampledBatch batch(sampling_of(r), model.scheduler, first, job.samples,
                             r.init ? r.strength : 1);
    Latent x(latent_size(r) * size_t(job.samples));
    std::optional<InitImage> init;
    if (r.init) {
        const InitImage::Encode encode = [&](std::span<const float> pixels) {
            return networks.encode(pixels, events.cancelled);
        };
        init.emplace(r, info, vae, encode, job.samples, *batch.noise);
        init->start(*batch.sampler, x);
        job.extra = init->extra();
    } else {
        batch.start(x);
    }
    const Guidance guidance{.scale = job.guided ? *r.cfg : 1, .rescale = r.guidance_rescale};
    networks.prepare(job, events.cancelled);
    LoopHooks hooks = loop_hooks(events.progress, events.cancelled);
    hooks.progress = [&, told = std::move(hooks.progress)](const LoopEvent& event) {
        if (told) told(event);
        if (!events.preview || r.preview_every < 1 || event.step % r.preview_every ||
            event.step == event.steps)
            return;
        for (int i = 0; i < job.samples; i++)
            if (const auto pixels = networks.preview(
                    std::span(event.denoised).subspan(size_t(i) * latent_size(r), latent_size(r)),
                    dtype))
                events.preview(first + i, to_picture(*pixels, r.height, r.width));
    };
    if (init && init->blends())
        hooks.blend = [&](const Sampler& s, Latent& latent) { init->blend(s, latent); };
    take(run_denoising(
        *batch.sampler, x, guidance, job.samples,
        [&](const NetworkCall& call) { return denoiser(call); }, hooks));
    return x;
}

std::vector<Picture> ImagePipeline::State::run(const ImageRequest& request,
                                               const ImageEvents& events) {
    const ImageRequest r = checked(request);
    const CompilingWatch watch(*device, events.progress);
    networks.begin(r.height, r.width, r.vae_tile);
    std::vector<Picture> pictures;
    sample_in_batches(
        networks, job(r, events), r.count,
        [&](const DenoiserJob& j, int first) { return denoise(r, j, first, events); },
        events.progress,
        [&](std::span<const float> latent, int index, DType type) {
            const std::vector<float> pixels = networks.decode(latent, type, events.cancelled);
            pictures.push_back({to_picture(pixels, r.height, r.width), r.seed + uint64_t(index)});
        });
    note_memory(*device, options.log);
    return pictures;
}

Result<ImagePipeline> ImagePipeline::open(std::shared_ptr<Device> device, const std::string& path,
                                          const ImageOptions& options) {
    auto model = open_checkpoint(path, {.variant = options.variant,
                                        .tokenizer = options.tokenizer,
                                        .vae = options.vae,
                                        .prediction = options.prediction});
    if (!model) return model.error();
    return guarded([&] {
        return ImagePipeline(
            std::make_unique<State>(std::move(device), std::move(*model), options));
    });
}

Result<std::vector<Picture>> ImagePipeline::run(const ImageRequest& request,
                                                const ImageEvents& events) {
    return guarded([&] { return state_->run(request, events); });
}

ImagePipeline::ImagePipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImagePipeline::ImagePipeline(ImagePipeline&&) noexcept = default;
ImagePipeline& ImagePipeline::operator=(ImagePipeline&&) noexcept = default;
ImagePipeline::~ImagePipeline() = default;
const ImageInfo& ImagePipeline::info() const { return state_->info; }

}   // namespace kiln
