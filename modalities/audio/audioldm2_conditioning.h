// Prompts as AudioLDM 2's U-Net takes them: the states that a language model goes on with after
// CLAP's vector and T5's states ("context" [generated, width]), and T5's states themselves
// ("second_context" [tokens, width], "second_mask" [tokens]). Liu et al. AudioLDM 2: Learning
// Holistic Audio Generation with Self-supervised Pretraining. 2024, section III; lengths and
// padding as encode_prompt() of AudioLDM2Pipeline in diffusers has them.
#pragma once
#include "modalities/audio/conditioning.h"

namespace kiln {

class AudioLdm2TextEncoders : public PromptEncoder {
public:
    AudioLdm2TextEncoders(std::shared_ptr<Device> device, std::shared_ptr<Workspace> workspace,
                          const AudioLdm& model, std::unordered_set<std::string>& claimed);

    // The negative prompt has as many tokens as the prompt: it is padded, or cut.
    SpokenPrompts encode(const std::string& prompt, const std::optional<std::string>& negative,
                         const std::function<bool()>& cancelled = {}) override;
    uint64_t least_memory() const override;
    bool release() override;
    const std::vector<std::shared_ptr<Weight>>& weights() const override { return weights_; }

private:
    struct Language {
        AudioLdm2Projection projection;
        Gpt2 gpt2;
    };
    // A network compiled for one length of T5's text.
    struct Compiled {
        int64_t tokens = 0;
        std::vector<Tensor> inputs;
        std::optional<Graph> graph;
        std::vector<std::shared_ptr<Weight>> weights;
    };
    struct Text {   // of T5
        std::vector<int32_t> ids;
        std::vector<float> mask;   // [tokens]
        int length = 0;            // that diffusers gives it; what follows is padding of ours
    };
    Tensor build_t5(int64_t tokens, std::vector<Tensor>& inputs) const;
    Tensor build_language(int64_t tokens, std::vector<Tensor>& inputs) const;
    void compile(Compiled& network, int64_t tokens,
                 Tensor (AudioLdm2TextEncoders::*build)(int64_t, std::vector<Tensor>&) const);
    bool release(Compiled& network);
    Conditioning encode(const std::vector<float>& clap, const Text& text,
                        const std::function<bool()>& cancelled);
    Text tokens_of(const std::string& prompt, int length, std::string& dropped) const;
    std::vector<int32_t> positions(int64_t tokens, int length) const;

    std::shared_ptr<Device> device_;
    std::shared_ptr<Workspace> workspace_;
    Tokenizer tokenizer_;
    int longest_;
    ClapTextEncoder clap_;
    Compiled t5_graph_, language_graph_;
    T5Encoder t5_;
    Language language_;
    std::vector<std::shared_ptr<Weight>> weights_;   // of all three
};

}   // namespace kiln
