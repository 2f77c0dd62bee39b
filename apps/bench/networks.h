// The networks of a model as one step runs them, on random inputs.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/tensor/tensor.h"
#include "runtime/vk/device.h"

namespace kiln::bench {

struct NetworkOptions {
    std::string model;           // a folder or file
    int width = 0, height = 0;   // of the picture; 0: as the model was trained
    int batch = 0;               // 0: two for the U-Net (both conditions), else one
    std::string tokenizer;       // a folder, for files that carry no vocabulary
    std::string precision;       // of activations: f32, f16 or bf16; empty: as commands do
};

struct Network {
    std::string title;   // "unet 512x512, batch 2"
    DType dtype = DType::f32;
    std::vector<Tensor> inputs;
    Tensor output;
};

// `name` is "unet", "vae", the decoder, or "vocoder", whose size is its own. Weights are loaded by
// the first graph over it.
Result<Network> open_network(const std::shared_ptr<Device>& device, const std::string& name,
                             const NetworkOptions& options);

}   // namespace kiln::bench
