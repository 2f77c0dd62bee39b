#include "modalities/audio/hifi_gan.h"

#include <algorithm>

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

constexpr int kMost = 1 << 16;

std::vector<std::vector<int>> dilations(const JsonObject& json, const HifiGanConfig& c) {
    constexpr std::string_view kKey = "resblock_dilation_sizes";
    if (!json.has(kKey)) return std::vector(c.block_kernels.size(), std::vector<int>{1, 3, 5});
    const nlohmann::json& lists = json.value().at(std::string(kKey));
    if (!lists.is_array())
        throw ResultError(json.error(kKey, "expected a list; found " + describe(lists)));
    std::vector<std::vector<int>> all;
    for (const nlohmann::json& list : lists) {
        const nlohmann::json one = {{"resblock_dilation_sizes", list}};
        all.push_back(positives(JsonObject(one, json.where()), kKey, {}, 128));
    }
    same_count(json, kKey, all.size(), c.block_kernels.size());
    return all;
}

HifiGanConfig hifi_gan_config(const JsonObject& json) {
    HifiGanConfig c;
    const bool original = json.has("resblock") || json.has("num_mels");
    const std::string type = take(json.string("model_type", original ? "" : "speecht5_hifigan"));
    if (!original &&
        (type != "speecht5_hifigan" || !(json.has("model_type") || json.has("upsample_rates"))))
        throw ResultError(json.error("model_type", "expected a HiFi-GAN, found " + describe(type)));
    c.mels = positive(json, original ? "num_mels" : "model_in_dim", c.mels, kMost);
    c.sample_rate = positive(json, "sampling_rate", original ? 22050 : 16000, 1 << 20);
    c.channels = positive(json, "upsample_initial_channel", c.channels, kMost);
    const std::vector<int> fours(4, 4), eights(4, 8);   // of transformers
    c.rates = positives(json, "upsample_rates", original ? c.rates : fours, 255);
    c.kernels = positives(json, "upsample_kernel_sizes", original ? c.kernels : eights, 255);
    c.block_kernels = positives(json, "resblock_kernel_sizes", c.block_kernels, 255);
    c.dilations = dilations(json, c);
    c.slope = real(json, "leaky_relu_slope", c.slope);
    c.normalised = !original && take(json.boolean("normalize_before", true));
    if (original) {
        // The authors write "1" or "2" as text; anything but "1" is their ResBlock2.
        const nlohmann::json* kind = json.has("resblock") ? &json.value().at("resblock") : nullptr;
        c.pairs = !kind || *kind == "1" || *kind == 1;
        c.fft = positive(json, "n_fft", 1024, 1 << 20);
        c.window = positive(json, "win_size", c.fft, c.fft);
        c.low = take(json.number("fmin", 0.0));
        c.high = take(json.number("fmax", 0.0));
    }
    same_count(json, "upsample_kernel_sizes", c.kernels.size(), c.rates.size());
    for (size_t i = 0; i < c.rates.size(); i++)
        in_range(json, "upsample_kernel_sizes", c.kernels[i], c.rates[i], 255);
    for (int kernel : c.block_kernels)
        if (kernel % 2 == 0)
            throw ResultError(json.error("resblock_kernel_sizes",
                                         "expected odd numbers; found " + std::to_string(kernel)));
    if (c.channels % (1 << c.rates.size()))
        throw ResultError(json.error("upsample_initial_channel",
                                     std::to_string(c.channels) + " cannot be halved " +
                                         std::to_string(c.rates.size()) + " times"));
    in_range(json, "upsample_rates", c.hop(), 1, kMost);
    if (original && json.has("hop_size"))
        in_range(json, "hop_size", take(json.integer("hop_size")), c.hop(), c.hop());
    return c;
}

}   // namespace

int HifiGanConfig::hop() const {
    int64_t product = 1;
    for (int rate : rates) product = std::min<int64_t>(product * rate, 1 << 30);
    return int(product);
}

int64_t HifiGanConfig::samples(int64_t frames) const {
    for (size_t i = 0; i < rates.size(); i++)
        frames = (frames - 1) * rates[i] - 2 * ((kernels[i] - rates[i]) / 2) + kernels[i];
    return frames;
}

int64_t HifiGanConfig::halo() const {
    int64_t reach = 3;   // of the last convolution, then back through the stages
    for (size_t i = rates.size(); i-- > 0;) {
        int64_t most = 0;
        for (size_t j = 0; j < block_kernels.size(); j++) {
            int64_t block = 0;
            for (int d : dilations[j]) block += (block_kernels[j] - 1) / 2 * (d + (pairs ? 1 : 0));
            most = std::max(most, block);
        }
        reach = (reach + most + kernels[i]) / rates[i] + 1;
    }
    return reach + 3;
}

Result<HifiGanConfig> parse_hifi_gan_config(const JsonObject& json) {
    return parse_config(json, hifi_gan_config);
}

}   // namespace kiln
