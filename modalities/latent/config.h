// config.json of latent diffusion networks, as diffusers publishes it. What Kiln does not
// build is an error that names the key and what was found; keys that say how a model was trained
// are not read.
#pragma once
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

// How UNet2DConditionModel takes a label beside the text.
enum class ClassEmbedding { none, table, timestep, projection, linear, identity };

struct UNetConfig {
    int in_channels = 4, out_channels = 4;
    std::vector<int> channels;   // a level; the first is the finest
    std::vector<int> layers;     // residual blocks a level, one more on the way up
    std::vector<bool> down_attention,
        up_attention;   // levels with transformers; up is coarsest first
    std::vector<std::vector<int>> down_depth, up_depth;   // transformer blocks by level and layer
    std::vector<int> mid_depth;                           // empty: no attention in the middle
    bool has_mid = true;
    std::vector<int> heads;   // a level
    // Width of the text, a level; 0 where both attentions of a block are self-attention.
    std::vector<int> context;
    // Transformers that follow one another in every layer of a level, by the width of what each
    // looks at beside itself (0: nothing). The first two look at the text, the others at a second
    // one. Empty: one, of the width of the text.
    std::vector<std::vector<int>> chains;
    std::vector<bool> only_cross_attention;   // a level: self-attention looks at the text instead
    int norm_groups = 32;
    float norm_eps = 1e-5f;
    int conv_in_kernel = 3, conv_out_kernel = 3;
    bool center_input = false;

    int time_width = 0;   // of the time embedding
    bool flip_sin_to_cos = true;
    float freq_shift = 0;
    int guidance_width = 0;   // time_cond_proj_dim; 0: no guidance embedding
    ClassEmbedding class_embedding = ClassEmbedding::none;
    bool concatenates_class = false;   // beside the time embedding, not added to it
    int class_count = 0;               // rows of the table
    int projection_width = 0;          // input of the class or addition embedding
    int addition_time_width = 0;       // sinusoids of each time id; 0: no text_time embedding

    int levels() const { return int(channels.size()); }
    int factor() const { return 1 << (levels() - 1); }
    std::vector<int> chain(int level) const {
        return chains.empty() ? std::vector<int>{context[size_t(level)]} : chains[size_t(level)];
    }
    // Of the embedding that residual blocks see.
    int block_time_width() const { return concatenates_class ? 2 * time_width : time_width; }
};

struct VaeConfig {
    int in_channels = 3, out_channels = 3, latent_channels = 4;
    std::vector<int> channels;
    int layers = 2;
    int norm_groups = 32;
    float scale = 0.18215f, shift = 0;   // latent = (z - shift) * scale
    std::vector<float> latents_mean,
        latents_std;   // empty, or a latent channel: latent = (z - mean) * scale / std
    bool quant_conv = true, post_quant_conv = true, mid_attention = true;
    bool force_upcast = true;   // overflows in half precision

    int factor() const { return 1 << (int(channels.size()) - 1); }   // values a latent, each way
};

Result<UNetConfig> parse_unet_config(const JsonObject& json);
Result<VaeConfig> parse_vae_config(const JsonObject& json);

}   // namespace kiln
