#include "modalities/image/prior.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "modalities/image/checkpoint.h"
#include "modalities/image/conditioning.h"
#include "modalities/latent/autoencoder.h"
#include "modalities/latent/denoiser.h"
#include "modalities/latent/layout.h"

namespace kiln {
namespace {

constexpr size_t kMostEvaluations = 8;   // in one run of the network

bool finite(std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// The network for so many samples at once.
struct Compiled {
    Tensor latent, timestep;
    std::vector<Tensor> conditions;
    Graph graph;
};

// The model's autoencoder, compiled for as many pictures as come at once.
class VaePictures : public PictureEncoder {
public:
    VaePictures(Autoencoder& vae, const PriorInfo& info) : vae_(vae), info_(info) {}

    Result<std::vector<float>> encode(std::span<const float> pictures) override {
        return guarded([&] {
            const size_t count = pictures.size() / info_.picture_size();
            ensure(count > 0 && count * info_.picture_size() == pictures.size(),
                   "pictures of the prior's size");
            if (count != count_) {
                network_.reset();
                network_.emplace(
                    vae_.encoder_gradient(int(count), info_.picture_height, info_.picture_width));
                count_ = count;
            }
            std::vector<float> centred(pictures.begin(), pictures.end());
            for (float& value : centred) value = 2 * value - 1;
            return network_->encode(centred);
        });
    }
    Result<std::vector<float>> pull_back(std::span<const float> slopes) override {
        ensure(network_.has_value(), "pictures are encoded before their gradient");
        return guarded([&] {
            std::vector<float> by_pictures = network_->gradient(slopes);
            for (float& value : by_pictures) value *= 2;
            return by_pictures;
        });
    }

private:
    Autoencoder& vae_;
    const PriorInfo& info_;
    size_t count_ = 0;
    std::optional<EncoderGradient> network_;
};

}   // namespace

struct ImagePrior::State {
    std::shared_ptr<Device> device;
    Checkpoint model;
    DType dtype;
    LogSink log;
    std::unordered_set<std::string> claimed;
    std::shared_ptr<Workspace> workspace;
    TextEncoders texts;
    DenoiserNetwork network;
    Autoencoder vae;
    NoiseSchedule schedule;
    PriorInfo info;
    Conditioning conditions;   // names and shapes, of the prompt that was embedded last
    std::map<size_t, Compiled> compiled;
    VaePictures pictures;

    State(std::shared_ptr<Device> d, Checkpoint m, const ImageOptions& o);
    PromptEmbedding embed(const std::optional<std::string>& prompt);
    Compiled& compiled_for(size_t samples);
    void predict(std::span<const Evaluation> evaluations, std::vector<Latent>& to);
};

ImagePrior::State::State(std::shared_ptr<Device> d, Checkpoint m, const ImageOptions& o)
    : device(std::move(d)),
      model(std::move(m)),
      dtype(activations(o.precision, model.unet_part, device->caps())),
      log(o.log),
      workspace(std::make_shared<Workspace>(device)),
      texts(device, workspace, model, {.deferred = true}, claimed),
      network(unet_network(device, model.unet_part, model.unet, {.deferred = true}, claimed)),
      vae(device, workspace, model.vae_part, model.vae, {.deferred = true}, o.log, claimed),
      schedule(take(training_schedule(model.scheduler))),
      pictures(vae, info) {
    if (network.in_channels != model.vae.latent_channels)
        usage("this model repaints pictures and cannot be a prior");
    if (schedule.alpha_bar(schedule.size() - 1) == 0 &&
        model.scheduler.prediction == Prediction::epsilon)
        usage("the model predicts noise, and its last noise level has nothing else in it");
    const int side = model.sample_size, factor = model.vae.factor();
    info = {.channels = model.vae.latent_channels,
            .height = side,
            .width = side,
            .picture_height = side * factor,
            .picture_width = side * factor,
            .prediction = model.scheduler.prediction,
            .cfg = model.guidance > 0 ? model.guidance : 7.5};
}

PromptEmbedding ImagePrior::State::embed(const std::optional<std::string>& prompt) {
    EncodedPrompt encoded =
        !prompt && model.zero_negative ? texts.zeros() : texts.encode(prompt.value_or(""), 0);
    note_dropped(encoded.dropped, log);
    conditions = conditioning(model, encoded, info.cfg, info.picture_width, info.picture_height,
                              !prompt.has_value());
    PromptEmbedding all;
    for (const Condition& c : conditions) all.insert(all.end(), c.values.begin(), c.values.end());
    return all;
}

Compiled& ImagePrior::State::compiled_for(size_t samples) {
    if (const auto found = compiled.find(samples); found != compiled.end()) return found->second;
    ensure(!conditions.empty(), "prompts are embedded before they are used");
    const int64_t n = int64_t(samples);
    const Tensor latent = input("latent", {n, info.height, info.width, network.in_channels}),
                 timestep = input("timestep", {n});
    std::vector<Tensor> inputs;
    for (const Condition& c : conditions) {
        std::vector<int64_t> shape = {n};
        shape.insert(shape.end(), c.shape.begin(), c.shape.end());
        inputs.push_back(input(c.name, Shape(shape)));
    }
    const Tensor predicted = network.predict({latent, timestep, conditions, inputs, dtype});
    Graph graph = take(Graph::compile(device, {predicted}, {.workspace = workspace}));
    return compiled.emplace(samples, Compiled{latent, timestep, inputs, std::move(graph)})
        .first->second;
}

void ImagePrior::State::predict(std::span<const Evaluation> evaluations, std::vector<Latent>& to) {
    Compiled& c = compiled_for(evaluations.size());
    const int64_t area = int64_t(info.height) * info.width, each = area * info.channels;
    std::vector<float> latents(evaluations.size() * size_t(each)), timesteps;
    for (size_t i = 0; i < evaluations.size(); i++) {
        to_channels_last(evaluations[i].latent, latents.data() + int64_t(i) * each, 1,
                         info.channels, area, info.channels);
        timesteps.push_back(float(evaluations[i].timestep));
    }
    take(c.graph.write(c.latent, latents));
    take(c.graph.write(c.timestep, timesteps));
    size_t begin = 0;
    for (size_t k = 0; k < conditions.size(); k++) {
        const size_t count = conditions[k].values.size();
        std::vector<float> values;
        for (const Evaluation& e : evaluations)
            values.insert(values.end(), e.text->begin() + ptrdiff_t(begin),
                          e.text->begin() + ptrdiff_t(begin + count));
        take(c.graph.write(c.conditions[k], values));
        begin += count;
    }
    take(c.graph.run());
    const std::vector<float> predicted = take(c.graph.read());
    if (!finite(predicted))
        throw ResultError({Status::not_finite, "the denoiser produced NaN or infinity"});
    for (size_t i = 0; i < evaluations.size(); i++)
        to_channels_first(std::span(predicted).subspan(i * size_t(each), size_t(each)),
                          to.emplace_back(size_t(each)).data(), 1, info.channels, area);
}

Result<std::unique_ptr<ImagePrior>> ImagePrior::open(std::shared_ptr<Device> device,
                                                     const std::string& path,
                                                     const ImageOptions& options) {
    auto model = open_checkpoint(path, {.variant = options.variant,
                                        .tokenizer = options.tokenizer,
                                        .vae = options.vae,
                                        .prediction = options.prediction});
    if (!model) return model.error();
    return guarded([&] {
        return std::unique_ptr<ImagePrior>(
            new ImagePrior(std::make_unique<State>(std::move(device), std::move(*model), options)));
    });
}

Result<PromptEmbedding> ImagePrior::embed(const std::optional<std::string>& prompt) {
    return guarded([&] { return state_->embed(prompt); });
}

Result<std::vector<Latent>> ImagePrior::predict(std::span<const Evaluation> evaluations) {
    return guarded([&] {
        std::vector<Latent> all;
        for (size_t i = 0; i < evaluations.size(); i += kMostEvaluations)
            state_->predict(
                evaluations.subspan(i, std::min(kMostEvaluations, evaluations.size() - i)), all);
        return all;
    });
}

PictureEncoder& ImagePrior::encoder() { return state_->pictures; }

Result<std::vector<float>> ImagePrior::decode(std::span<const float> latent) {
    return guarded([&] {
        std::vector<float> pixels =
            state_->vae.decode(latent, state_->info.height, state_->info.width, state_->dtype);
        for (float& value : pixels) value = std::clamp(value / 2 + 0.5f, 0.0f, 1.0f);
        return pixels;
    });
}

ImagePrior::ImagePrior(std::unique_ptr<State> state) : state_(std::move(state)) {}
ImagePrior::~ImagePrior() = default;
const PriorInfo& ImagePrior::info() const { return state_->info; }
const NoiseSchedule& ImagePrior::schedule() const { return state_->schedule; }

}   // namespace kiln
