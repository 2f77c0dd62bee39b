#include "apps/bench/networks.h"

#include "modalities/audio/vocoder.h"
#include "modalities/image/checkpoint.h"
#include "modalities/latent/unet.h"
#include "modalities/latent/vae.h"

namespace kiln::bench {
namespace {

Result<DType> precision_of(const Caps& caps, const CheckpointPart& part, const std::string& name) {
    if (name == "f32") return DType::f32;
    if (name == "f16") return DType::f16;
    if (name == "bf16") return DType::bf16;
    if (!name.empty())
        return Error{Status::usage, "the precision is f32, f16 or bf16, not " + name};
    return caps.kind != DeviceKind::cpu && stored_in_half(part) ? DType::f16 : DType::f32;
}

// The network with what it is called with; images in latents.
struct Size {
    int64_t batch, height, width;
};

void build_unet(Network& network, Weights& weights, const Checkpoint& model, const Size& size) {
    constexpr int64_t kTokens = 77;
    const UNetConfig& c = model.unet;
    if (c.class_embedding != ClassEmbedding::none)
        throw ResultError({Status::usage, "models with labels are not measured"});
    UNetInputs in{.latent = input("latent", {size.batch, size.height, size.width, c.in_channels}),
                  .timestep = input("timestep", {size.batch}),
                  .context = input("context", {size.batch, kTokens, c.context[0]}),
                  .dtype = network.dtype};
    if (c.guidance_width) in.guidance = input("guidance", {size.batch, c.guidance_width});
    if (c.addition_time_width) {
        const int64_t ids = model.aesthetic_score ? 5 : 6;
        const int64_t pooled = c.projection_width - ids * c.addition_time_width;
        in.pooled = input("pooled", {size.batch, pooled});
        in.time_ids = input("time_ids", {size.batch, ids});
    }
    network.output = UNet(weights, c)(in);
    for (const Tensor& x :
         {in.latent, in.timestep, in.context, in.guidance, in.pooled, in.time_ids})
        if (x) network.inputs.push_back(x);
}

void build_vae(Network& network, Weights& weights, const Checkpoint& model, const Size& size) {
    const Tensor latent =
        input("latent", {size.batch, size.height, size.width, model.vae.latent_channels});
    network.output = VaeDecoder(weights, model.vae)(latent, network.dtype);
    network.inputs = {latent};
}

// On as many frames as Vocoder takes at a time.
Network vocoder_of(const std::shared_ptr<Device>& device, const NetworkOptions& o) {
    const VocoderFiles files = take(VocoderFiles::open(o.model));
    const int64_t batch = std::max(o.batch, 1), frames = VocoderOptions{}.frames;
    Network network;
    if (o.precision == "bf16")
        throw ResultError({Status::usage, "a vocoder's precision is f32 or f16"});
    network.dtype = o.precision == "f16" ? DType::f16 : DType::f32;
    network.title = "vocoder " + std::to_string(frames) + " frames, batch " + std::to_string(batch);
    network.inputs = {input("mel", {batch, frames, files.config.mels})};
    Weights weights(device, files.files, {.deferred = true});
    network.output =
        HifiGan(Scope(weights, files.root), files.config)(network.inputs[0], network.dtype);
    return network;
}

}   // namespace

Result<Network> open_network(const std::shared_ptr<Device>& device, const std::string& name,
                             const NetworkOptions& o) try {
    if (name == "vocoder") return vocoder_of(device, o);
    const Checkpoint model = take(open_checkpoint(o.model, {.tokenizer = o.tokenizer}));
    const bool unet = name == "unet";
    const int factor = model.vae.factor(), trained = model.sample_size * factor;
    const int width = o.width ? o.width : trained, height = o.height ? o.height : trained;
    if (width % factor || height % factor || width < 1 || height < 1)
        return Error{Status::usage, "width and height are multiples of " + std::to_string(factor)};
    const Size size{o.batch ? o.batch : unet ? 2 : 1, height / factor, width / factor};
    const CheckpointPart& part = unet ? model.unet_part : model.vae_part;
    Network network;
    network.dtype = take(precision_of(device->caps(), part, o.precision));
    network.title = name + " " + std::to_string(width) + "x" + std::to_string(height) + ", batch " +
                    std::to_string(size.batch);
    Weights weights(device, part.files, {.names = part.names, .deferred = true});
    unet ? build_unet(network, weights, model, size) : build_vae(network, weights, model, size);
    return network;
} catch (const ResultError& e) {
    return e.error;
} catch (const ModelError& e) {
    return Error{Status::bad_file, e.what()};
}

}   // namespace kiln::bench
