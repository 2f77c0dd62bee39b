// A whole CLAP model: texts and sounds as unit vectors of one space, in which a sound is close to
// what describes it. Wu, Chen, Zhang, Hui, Berg-Kirkpatrick, Dubnov. Large-scale Contrastive
// Language-Audio Pretraining. 2023; as ClapModel of transformers.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "modalities/audio/clap_audio.h"
#include "modalities/audio/clap_features.h"
#include "modalities/latent/checkpoint_part.h"
#include "modalities/latent/resident.h"
#include "modalities/text/clap_text.h"
#include "modalities/text/tokenizer.h"
#include "runtime/graph/graph.h"
#include "runtime/io/audio.h"

namespace kiln {

struct ClapFiles {
    ClapTextConfig text;
    ClapAudioConfig audio;
    ClapFeatureConfig features;
    Tokenizer tokenizer;
    CheckpointPart part;

    // A folder with config.json, preprocessor_config.json (or processor_config.json), the tokenizer
    // and the weights, as transformers writes it, or a pipeline's of diffusers that brings_clap().
    // What is not there, or is not built (a tower with fusion), is Status::bad_file and says so.
    static Result<ClapFiles> open(const std::string& path);
};

// Whether a model's folder has both towers: the text encoder of AudioLDM 2 is a whole CLAP model,
// that of AudioLDM is not.
bool brings_clap(const std::string& path);

class Clap : public Resident {
public:
    using Cancelled = std::function<bool()>;

    // Leaves the weights to the first use. A missing or misshapen tensor is a ResultError that
    // names it.
    Clap(std::shared_ptr<Device> device, const ClapFiles& files);

    // Unit vectors, [ClapTextConfig::projection]. What does not fit of a long text is left out.
    Result<std::vector<float>> embed(const std::string& text, const Cancelled& cancelled = {});
    // Any rate and number of channels: it is heard in mono at CLAP's rate, of a longer sound the
    // middle ten seconds (ClapFeatureConfig::samples). Empty or not finite: Status::usage.
    Result<std::vector<float>> embed(const Sound& sound, const Cancelled& cancelled = {});

    bool release() override;
    const std::vector<std::shared_ptr<Weight>>& weights() const override { return weights_; }

private:
    Clap(std::shared_ptr<Device> device, const ClapFiles& files, Weights weights);
    std::vector<float> embed_text(const std::string& text, const Cancelled& cancelled);
    std::vector<float> embed_sound(const Sound& sound, const Cancelled& cancelled);

    std::shared_ptr<Device> device_;
    Tokenizer tokenizer_;
    ClapFeatureConfig features_;
    ClapText text_;
    ClapAudio audio_;
    std::vector<std::shared_ptr<Weight>> weights_;
    Tensor mel_;
    std::optional<Graph> hearing_;   // of a mel as long as ClapFeatureConfig::frames()
};

// The cosine of the angle between unit vectors of one space.
double similarity(std::span<const float> a, std::span<const float> b);

}   // namespace kiln
