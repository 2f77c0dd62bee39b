#include "modalities/latent/denoiser.h"

#include <algorithm>
#include <array>

#include "modalities/latent/layout.h"

namespace kiln {
namespace {

UNet load(const std::shared_ptr<Device>& device, const Checkpoint& model,
          const WeightsOptions& options, std::unordered_set<std::string>& claimed,
          std::vector<std::shared_ptr<Weight>>& deferred) {
    Weights weights(
        device, model.unet_part.files,
        {.storage = options.storage, .names = model.unet_part.names, .deferred = options.deferred});
    UNet unet(weights, model.unet);
    claimed.insert(weights.claimed().begin(), weights.claimed().end());
    deferred = weights.deferred();
    return unet;
}

// Every vector `samples` times, one after the other.
template <class T, class Part>
std::vector<float> repeated(std::span<const T* const> sources, int samples, Part part) {
    std::vector<float> all;
    for (const T* source : sources)
        for (int i = 0; i < samples; i++) {
            const std::vector<float>& values = part(*source);
            all.insert(all.end(), values.begin(), values.end());
        }
    return all;
}

}   // namespace

UNetDenoiser::UNetDenoiser(std::shared_ptr<Device> device, const Checkpoint& model,
                           const WeightsOptions& weights, std::shared_ptr<Workspace> workspace,
                           std::unordered_set<std::string>& claimed)
    : device_(std::move(device)),
      workspace_(std::move(workspace)),
      unet_(load(device_, model, weights, claimed, weights_)) {}

bool UNetDenoiser::release() {
    const bool held = graph_.has_value();
    compiled_.reset();
    graph_.reset();
    return evict(weights_) || held;
}

void UNetDenoiser::compile(const Signature& s) {
    if (compiled_ == s) return;
    compiled_.reset();
    graph_.reset();
    const Tensor prediction = build(s, job_, inputs_);
    graph_ = take(
        Graph::compile(device_, {prediction}, {.workspace = workspace_, .weights = s.weights}));
    compiled_ = s;
}

GraphNeeds UNetDenoiser::needs(const DenoiserJob& job) const {
    UNetInputs inputs;
    return Graph::needs(*device_, {build(signature_of(job), job, inputs)});
}

UNetDenoiser::Signature UNetDenoiser::signature_of(const DenoiserJob& job) {
    const bool both = job.guided && !job.two_passes;
    return {(both ? 2 : 1) * job.samples, job.height, job.width, job.dtype, job.weights};
}

// The network over new inputs.
Tensor UNetDenoiser::build(const Signature& s, const DenoiserJob& job, UNetInputs& inputs) const {
    const UNetConfig& c = unet_.config;
    const int64_t tokens = int64_t(job.positive.context.size()) / c.context[0];
    inputs = {.latent = input("latent", {s.batch, s.height, s.width, c.in_channels}),
              .timestep = input("timestep", {s.batch}),
              .context = input("context", {s.batch, tokens, c.context[0]}),
              .dtype = s.dtype};
    if (c.guidance_width) inputs.guidance = input("guidance", {s.batch, c.guidance_width});
    if (c.addition_time_width) {
        inputs.pooled = input("pooled", {s.batch, int64_t(job.positive.pooled.size())});
        inputs.time_ids = input("time_ids", {s.batch, int64_t(job.positive_ids.size())});
    }
    return unet_(inputs);
}

void UNetDenoiser::write_conditions(std::span<const Conditioning* const> conditions,
                                    std::span<const std::vector<float>* const> ids) {
    const int n = job_.samples;
    take(graph_->write(inputs_.context, repeated(
                                            conditions, n, [](const Conditioning& c) -> auto& {
                                                return c.context;
                                            })));
    if (!inputs_.pooled) return;
    take(graph_->write(inputs_.pooled, repeated(
                                           conditions, n, [](const Conditioning& c) -> auto& {
                                               return c.pooled;
                                           })));
    take(graph_->write(inputs_.time_ids,
                       repeated(
                           ids, n, [](const std::vector<float>& v) -> auto& { return v; })));
}

void UNetDenoiser::prepare(DenoiserJob job, const std::function<bool()>& cancelled) {
    job_ = std::move(job);
    cancelled_ = cancelled;
    const bool both = job_.guided && !job_.two_passes;
    compile(signature_of(job_));
    if (both)
        write_conditions(std::array{&job_.negative, &job_.positive},
                         std::array{&job_.negative_ids, &job_.positive_ids});
    else
        write_conditions(std::array{&job_.positive}, std::array{&job_.positive_ids});
    if (!inputs_.guidance) return;
    const std::vector<float> embedded =
        guidance_embedding(job_.guidance, unet_.config.guidance_width);
    const std::vector<float>* const one = &embedded;
    take(graph_->write(inputs_.guidance, repeated(
                                             std::span(&one, 1), int(inputs_.guidance[0]),
                                             [](const auto& v) -> auto& { return v; })));
}

// One run of the graph on `copies` of the samples; the prediction in [n, c, h, w] order.
Latent UNetDenoiser::pass(const NetworkCall& call, int copies) {
    const UNetConfig& c = unet_.config;
    const int64_t area = int64_t(job_.height) * job_.width, n = job_.samples;
    std::vector<float> latent(size_t(copies * n * area * c.in_channels));
    for (int copy = 0; copy < copies; copy++) {
        float* target = latent.data() + copy * n * area * c.in_channels;
        to_channels_last(call.input, target, n, c.out_channels, area, c.in_channels);
        if (!job_.extra.empty())
            to_channels_last(job_.extra, target, n, c.in_channels - c.out_channels, area,
                             c.in_channels, c.out_channels);
    }
    take(graph_->write(inputs_.latent, latent));
    take(graph_->write(inputs_.timestep,
                       std::vector<float>(size_t(copies * n), float(call.timestep))));
    take(graph_->run(cancelled_));
    const std::vector<float> values = take(graph_->read());
    Latent prediction(values.size());
    to_channels_first(values, prediction.data(), copies * n, c.out_channels, area);
    return prediction;
}

Result<NetworkOutput> UNetDenoiser::operator()(const NetworkCall& call) {
    try {
        if (!job_.guided || !call.guided)
            return NetworkOutput{.conditional = pass(call, 1), .unconditional = {}};
        if (job_.two_passes) {
            write_conditions(std::array{&job_.negative}, std::array{&job_.negative_ids});
            Latent unconditional = pass(call, 1);
            write_conditions(std::array{&job_.positive}, std::array{&job_.positive_ids});
            return NetworkOutput{.conditional = pass(call, 1),
                                 .unconditional = std::move(unconditional)};
        }
        Latent both = pass(call, 2);
        const auto middle = both.begin() + ptrdiff_t(both.size() / 2);
        return NetworkOutput{.conditional = Latent(middle, both.end()),
                             .unconditional = Latent(both.begin(), middle)};
    } catch (const ResultError& failure) {
        return failure.error;
    }
}

}   // namespace kiln
