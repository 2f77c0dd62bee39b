// Text to image, image to image and inpainting with latent diffusion models, from request to
// picture. Rombach et al. 2022; Podell et al. 2023. For equal weights, sampler and seed a picture
// is that of the pipelines in diffusers, which it follows in what it draws from the generator and
// when.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/latent/run.h"
#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/io/image.h"
#include "runtime/vk/device.h"

namespace kiln {

struct ImageOptions {
    std::string variant;     // "fp16": that form of the files; empty: the plain one, else any
    std::string vae;         // a file or folder whose autoencoder replaces the model's
    std::string tokenizer;   // a folder with CLIP's vocabulary, for models in one file
    std::string
        prediction;   // what the network predicts, where the file does not say: "v_prediction", ...
    Precision precision = Precision::automatic;
    LogSink log;   // warnings: tensors that nothing claims, prompts that are cut
};

struct ImageRequest {
    std::string prompt;
    std::optional<std::string> negative;   // none: what the model was trained with in its place
    int width = 0, height = 0;             // 0: the size that the model was trained on
    int steps = 20;
    std::optional<double> cfg;          // 1 and less: no guidance; none: ImageInfo::cfg
    std::string sampler;                // one of sampler_names(); empty: the model's own
    std::string schedule = "default";   // one of schedule_names()
    std::optional<double> eta;          // stochasticity of the samplers that have it
    uint64_t seed = 0;                  // of the first picture; the others have the next ones
    int count = 1;
    int batch = 1;       // pictures computed together; does not change them
    int clip_skip = 0;   // layers left out at the end of the text encoders
    double guidance_rescale = 0;
    bool two_passes = false;   // guidance in two passes instead of one batch: less memory
    // Side in pixels of the tiles in which the autoencoder works, a multiple of 4 *
    // ImageInfo::factor; 0: never in tiles; none: in tiles where the whole does not fit. Tiles
    // change the picture a little: the network's statistics are those of a tile.
    std::optional<int> vae_tile;
    std::string rng = "torch";   // or "philox"
    std::optional<Image> init;   // start from this picture,
    double strength = 0.8;       // with this share of the steps
    std::optional<Image> mask;   // repaint only where it is light; needs init
    int preview_every = 0;       // steps between previews; 0: none
};

struct ImageEvents {
    StageProgress progress;
    std::function<void(int index, const Image&)> preview;   // of the picture with this index
    std::function<bool()> cancelled;                        // asked at least once a step
};

struct Picture {
    Image image;
    uint64_t seed;
};

struct ImageInfo {
    std::string family;    // what the checkpoint was recognised as
    int width, height;     // trained on
    int factor;            // sizes must be multiples of it
    std::string sampler;   // the model's own
    double cfg;            // what suits it
    bool inpainting;       // needs init and mask
};

class ImagePipeline {
public:
    // Reads the model and loads it onto the device; where that cannot hold all of it at once, each
    // network is loaded when it is its turn. bad_file: not recognised, a tensor missing or
    // misshapen, ...; not_finite: NaN in the weights, which run() says where it loads them.
    static Result<ImagePipeline> open(std::shared_ptr<Device> device, const std::string& path,
                                      const ImageOptions& options = {});
    ImagePipeline(ImagePipeline&&) noexcept;
    ImagePipeline& operator=(ImagePipeline&&) noexcept;
    ~ImagePipeline();

    const ImageInfo& info() const;

    // usage: the request cannot be met, and what could; interrupted: cancelled; not_finite: the
    // model produced NaN or infinity, in f32 too; out_of_memory: after all that takes less memory
    // was tried (fallback.h), and what would fit.
    Result<std::vector<Picture>> run(const ImageRequest& request, const ImageEvents& events = {});

private:
    struct State;
    explicit ImagePipeline(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
