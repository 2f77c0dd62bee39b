// A mel spectrogram to a waveform by HiFi-GAN, in pieces of bounded memory.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "modalities/audio/hifi_gan.h"
#include "modalities/audio/mel.h"
#include "modalities/latent/resident.h"
#include "runtime/graph/graph.h"

namespace kiln {

// The files of a vocoder, recognised, with the weights still in them.
struct VocoderFiles {
    HifiGanConfig config;
    std::shared_ptr<const TensorFiles> files;
    std::string root;   // of the names of its tensors: "" or "generator"

    // A folder with config.json and weights, as transformers writes it, or with any one file of
    // weights; or such a file beside its config.json. The authors publish pickled weights, which
    // are refused with the way to convert them. What is wrong is Status::bad_file.
    static Result<VocoderFiles> open(const std::string& path);
};

// The front end that a vocoder was trained with. Where its configuration does not say, as in those
// of transformers, it is that of AudioLDM's: 1024 samples a window, up to 8 kHz.
MelOptions vocoder_mel(const HifiGanConfig& config);

struct VocoderOptions {
    Storage storage = Storage::as_file;
    DType activations = DType::f32;   // how intermediate results are stored
    // Frames at a time, at least; longer spectrograms are taken in pieces of this length that
    // overlap by what a sample depends on, so that the result is the same.
    int64_t frames = 256;
    std::shared_ptr<Workspace> workspace;   // empty: intermediates of its own
};

class Vocoder : public Resident {
public:
    // A missing or misshapen tensor is a ResultError that names it.
    Vocoder(std::shared_ptr<Device> device, const VocoderFiles& files,
            const VocoderOptions& options = {});
    // From weights that hold other networks too; `s` is the vocoder's own. Where they are deferred,
    // the graphs load them.
    Vocoder(std::shared_ptr<Device> device, Scope s, const HifiGanConfig& config,
            const VocoderOptions& options = {});

    const HifiGanConfig& config() const { return model_.config; }
    uint64_t least_memory() const;   // bytes that run() cannot do without
    bool release() override;
    const std::vector<std::shared_ptr<Weight>>& weights() const override { return weights_; }

    struct Events {
        std::function<void(int64_t done, int64_t total)> progress;   // in frames
        std::function<bool()> cancelled;
    };
    // `mel` is [frames, config().mels], as the model was trained on it; the waveform has
    // config().samples(frames) samples in [-1, 1]. No frames, or a length that is no whole number
    // of them: Status::usage. A spectrogram or result that is not finite: Status::not_finite.
    Result<std::vector<float>> run(std::span<const float> mel, const Events& events = {});

private:
    struct Piece {
        int64_t frames = 0;
        Tensor mel;
        Graph graph;
    };
    Piece compile(int64_t frames) const;

    std::shared_ptr<Device> device_;
    VocoderOptions options_;
    HifiGan model_;
    std::vector<std::shared_ptr<Weight>> weights_;   // those left to the first use
    std::unique_ptr<Piece> piece_;   // of the last run: the next one may have the same length
};

}   // namespace kiln
