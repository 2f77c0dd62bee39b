// What the image plugin is and takes; see describe() in plugins/sdk/plugin.h. Where a property has no
// default here, the model's own is taken.
#pragma once

inline constexpr const char* kDescription = R"({
"name": "image",
"version": "0.1.0",
"summary": "A picture from words, with Stable Diffusion 1, 2 and XL or the model that comes with Kiln",
"outputs": [{"media_type": "image/png", "extension": "png"}],
"request": {
"type": "object",
"required": ["prompt"],
"additionalProperties": false,
"properties": {
"prompt": {"type": "string", "title": "Prompt", "positional": true,
  "description": "What to draw"},
"negative": {"type": "string", "title": "Negative prompt", "short": "n", "default": "",
  "description": "What to keep away from"},
"model": {"type": "string", "title": "Model", "short": "m", "format": "path", "metavar": "MODEL",
  "description": "Name, folder or .safetensors file; see kiln models (default: the one that comes with Kiln)"},

"width": {"type": "integer", "title": "Width", "short": "W", "group": "Picture", "minimum": 1, "maximum": 16384,
  "description": "Pixels across"},
"height": {"type": "integer", "title": "Height", "short": "H", "group": "Picture", "minimum": 1, "maximum": 16384,
  "description": "Pixels down"},
"seed": {"type": "integer", "title": "Seed", "group": "Picture", "minimum": 0, "maximum": 18446744073709551615,
  "description": "The same seed gives the same picture (default: a new one each time)"},
"count": {"type": "integer", "title": "Count", "group": "Picture", "default": 1, "minimum": 1, "maximum": 100000,
  "description": "How many pictures, each with the next seed"},
"batch": {"type": "integer", "title": "Batch", "group": "Picture", "default": 1, "minimum": 1, "maximum": 64,
  "description": "How many of them to compute at once: faster, for more memory"},

"steps": {"type": "integer", "title": "Steps", "group": "Sampling", "minimum": 1, "maximum": 1000,
  "description": "Denoising steps"},
"cfg": {"type": "number", "title": "Guidance", "group": "Sampling", "minimum": 0, "maximum": 100,
  "description": "How strongly to follow the prompt; 1 turns guidance off"},
"sampler": {"type": "string", "title": "Sampler", "group": "Sampling",
  "enum": ["ddim", "ddpm", "pndm", "euler", "euler_a", "heun", "dpm2", "dpm2_a", "dpmpp_2s_a", "dpmpp_2m",
           "dpmpp_2m_sde", "dpmpp_3m_sde", "dpmpp_sde", "unipc", "lms", "lcm", "tcd"],
  "description": "How to get from noise to picture"},
"schedule": {"type": "string", "title": "Schedule", "group": "Sampling", "default": "default",
  "enum": ["default", "karras", "exponential", "sgm_uniform", "simple", "beta"],
  "description": "How the noise falls from step to step"},
"clip_skip": {"type": "integer", "title": "CLIP skip", "group": "Sampling", "minimum": 1, "maximum": 12,
  "description": "Take the text encoder's states this many layers from its end"},
"guidance_rescale": {"type": "number", "title": "Guidance rescale", "group": "Sampling", "default": 0,
  "minimum": 0, "maximum": 1,
  "description": "How much of the contrast that guidance adds to take back"},
"rng": {"type": "string", "title": "Noise", "group": "Sampling", "default": "torch", "enum": ["torch", "philox"],
  "description": "torch draws what PyTorch draws on a CPU; philox draws on the device"},

"init": {"type": "string", "title": "First picture", "group": "From a picture", "contentMediaType": "image/*",
  "description": "A picture to start from instead of noise"},
"strength": {"type": "number", "title": "Strength", "group": "From a picture", "default": 0.8,
  "exclusiveMinimum": 0, "maximum": 1,
  "description": "How much of the first picture to replace"},
"mask": {"type": "string", "title": "Mask", "group": "From a picture", "contentMediaType": "image/*",
  "description": "A picture that is white where the first picture may change"},

"vae": {"type": "string", "title": "VAE", "group": "Model", "format": "path", "metavar": "FILE",
  "description": "Another autoencoder for the model"},
"dtype": {"type": "string", "title": "Weights as", "group": "Model", "default": "auto",
  "enum": ["auto", "f32", "f16", "bf16"],
  "description": "How weights are stored on the device; arithmetic is f32 at all times"},
"tiling": {"type": "string", "title": "Tiled decoding", "group": "Model", "default": "auto",
  "enum": ["auto", "on", "off"],
  "description": "Decode large pictures in tiles, for less memory"}
}}})";
