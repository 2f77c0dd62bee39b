#include "modalities/latent/denoiser.h"

#include <algorithm>
#include <array>

#include "modalities/latent/layout.h"
#include "modalities/latent/unet.h"

namespace kiln {

DenoiserNetwork unet_network(const std::shared_ptr<Device>& device, const CheckpointPart& part,
                             const UNetConfig& config, const WeightsOptions& options,
                             std::unordered_set<std::string>& claimed) {
    Weights weights(
        device, part.files,
        {.storage = options.storage, .names = part.names, .deferred = options.deferred});
    const UNet unet(weights, config);
    claimed.insert(weights.claimed().begin(), weights.claimed().end());
    const auto predict = [unet](const DenoiserInputs& in) {
        return unet({.latent = in.latent,
                     .timestep = in.timestep,
                     .context = in["context"],
                     .second_context = in["second_context"],
                     .second_mask = in["second_mask"],
                     .pooled = in["pooled"],
                     .time_ids = in["time_ids"],
                     .guidance = in["guidance"],
                     .label = in["label"],
                     .dtype = in.dtype});
    };
    return {predict, config.in_channels, config.out_channels, weights.deferred()};
}

Tensor DenoiserInputs::operator[](std::string_view name) const {
    for (size_t i = 0; i < conditions.size(); i++)
        if (given[i].name == name) return conditions[i];
    return {};
}

LatentDenoiser::LatentDenoiser(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                               DenoiserNetwork network)
    : device_(std::move(device)), workspace_(std::move(workspace)), network_(std::move(network)) {}

bool LatentDenoiser::release() {
    const bool held = graph_.has_value();
    compiled_.reset();
    graph_.reset();
    return evict(network_.weights) || held;
}

void LatentDenoiser::compile(const Signature& s) {
    if (compiled_ == s) return;
    compiled_.reset();
    graph_.reset();
    const Tensor prediction = build(s, job_, inputs_);
    graph_ = take(
        Graph::compile(device_, {prediction}, {.workspace = workspace_, .weights = s.weights}));
    compiled_ = s;
}

GraphNeeds LatentDenoiser::needs(const DenoiserJob& job) const {
    Inputs inputs;
    return Graph::needs(*device_, {build(signature_of(job), job, inputs)});
}

LatentDenoiser::Signature LatentDenoiser::signature_of(const DenoiserJob& job) {
    const bool both = job.guided && !job.two_passes;
    Signature s{(both ? 2 : 1) * job.samples, job.height, job.width, job.dtype, job.weights, {}};
    for (const Condition& condition : job.positive) s.conditions.push_back(condition.shape);
    return s;
}

// The network over new inputs.
Tensor LatentDenoiser::build(const Signature& s, const DenoiserJob& job, Inputs& inputs) const {
    inputs = {.latent = input("latent", {s.batch, s.height, s.width, network_.in_channels}),
              .timestep = input("timestep", {s.batch}),
              .conditions = {}};
    for (const Condition& condition : job.positive) {
        std::vector<int64_t> shape = {s.batch};
        shape.insert(shape.end(), condition.shape.begin(), condition.shape.end());
        inputs.conditions.push_back(input(condition.name, Shape(shape)));
    }
    return network_.predict(
        {inputs.latent, inputs.timestep, job.positive, inputs.conditions, s.dtype});
}

// Those of every sample, `conditions` one after the other.
void LatentDenoiser::write_conditions(std::span<const Conditioning* const> conditions) {
    for (size_t i = 0; i < inputs_.conditions.size(); i++) {
        std::vector<float> all;
        for (const Conditioning* condition : conditions)
            for (int sample = 0; sample < job_.samples; sample++) {
                const std::vector<float>& values = (*condition)[i].values;
                all.insert(all.end(), values.begin(), values.end());
            }
        take(graph_->write(inputs_.conditions[i], all));
    }
}

void LatentDenoiser::prepare(DenoiserJob job, const std::function<bool()>& cancelled) {
    job_ = std::move(job);
    cancelled_ = cancelled;
    compile(signature_of(job_));
    if (job_.guided && !job_.two_passes)
        write_conditions(std::array{&job_.negative, &job_.positive});
    else
        write_conditions(std::array{&job_.positive});
}

// One run of the graph on `copies` of the samples; the prediction in [n, c, h, w] order.
Latent LatentDenoiser::pass(const NetworkCall& call, int copies) {
    const int64_t area = int64_t(job_.height) * job_.width, n = job_.samples;
    const int in = network_.in_channels, out = network_.out_channels;
    std::vector<float> latent(size_t(copies * n * area * in));
    for (int copy = 0; copy < copies; copy++) {
        float* target = latent.data() + copy * n * area * in;
        to_channels_last(call.input, target, n, out, area, in);
        if (!job_.extra.empty()) to_channels_last(job_.extra, target, n, in - out, area, in, out);
    }
    take(graph_->write(inputs_.latent, latent));
    take(graph_->write(inputs_.timestep,
                       std::vector<float>(size_t(copies * n), float(call.timestep))));
    take(graph_->run(cancelled_));
    const std::vector<float> values = take(graph_->read());
    Latent prediction(values.size());
    to_channels_first(values, prediction.data(), copies * n, out, area);
    return prediction;
}

Result<NetworkOutput> LatentDenoiser::operator()(const NetworkCall& call) {
    try {
        if (!job_.guided || !call.guided)
            return NetworkOutput{.conditional = pass(call, 1), .unconditional = {}};
        if (job_.two_passes) {
            write_conditions(std::array{&job_.negative});
            Latent unconditional = pass(call, 1);
            write_conditions(std::array{&job_.positive});
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
