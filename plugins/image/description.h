// What the image plugin is and takes; see describe() in plugins/sdk/plugin.h. Where a property has
// no default, the model's own is taken; plugins/builtin/fields.cpp completes those without a type.
#pragma once

inline constexpr const char* kDescription = R"json({
"name": "image",
"summary": "A picture from words, with Stable Diffusion 1, 2, XL or the model that Kiln brings",
"outputs": [{"media_type": "image/png", "extension": "png"}],
"request": {
"type": "object",
"required": ["prompt"],
"additionalProperties": false,
"properties": {
"prompt": {"description": "What to draw"},
"negative": {},
"model": {},

"width": {"type": "integer", "title": "Width", "short": "W", "group": "Picture",
  "minimum": 1, "maximum": 16384, "description": "Pixels across"},
"height": {"type": "integer", "title": "Height", "short": "H", "group": "Picture",
  "minimum": 1, "maximum": 16384, "description": "Pixels down"},
"seed": {"group": "Picture",
  "description": "The same seed gives the same picture (default: a new one each time)"},
"count": {"group": "Picture", "description": "How many pictures, each with the next seed"},
"batch": {"group": "Picture"},

"steps": {"default": 20},
"cfg": {},
"sampler": {"description": "How to get from noise to picture"},
"schedule": {},
"eta": {},
"guidance_rescale": {},
"clip_skip": {"type": "integer", "title": "CLIP skip", "group": "Sampling",
  "default": 0, "minimum": 0, "maximum": 30,
  "description": "Layers to leave out at the end of the text encoder"},
"rng": {},

"init": {"type": "string", "title": "First picture", "group": "From a picture",
  "contentMediaType": "image/*", "description": "A picture to start from instead of noise"},
"strength": {"group": "From a picture", "default": 0.8,
  "description": "How much of the first picture to replace"},
"mask": {"type": "string", "title": "Mask", "group": "From a picture",
  "contentMediaType": "image/*",
  "description": "A picture that is light where the first picture may change"},

"vae": {"type": "string", "title": "VAE", "group": "Model", "format": "path", "metavar": "PATH",
  "description": "Another autoencoder for the model"},
"variant": {},
"tokenizer": {
  "description": "A folder with CLIP's vocabulary, for models that use another than CLIP's own"},
"prediction": {"type": "string", "title": "Prediction", "group": "Model",
  "enum": ["epsilon", "v_prediction", "sample"],
  "description": "What the model predicts, if its file does not say so rightly"},
"precision": {},
"two_passes": {},
"vae_tile": {"type": "string", "title": "VAE tiles", "group": "Model", "default": "auto",
  "metavar": "auto|off|N",
  "description": "Decode in tiles of N pixels: less memory, nearly the same picture"},
"preview_every": {"type": "integer", "title": "Previews", "group": "Run",
  "default": 0, "minimum": 0, "maximum": 1000,
  "description": "Steps between previews, for programs that listen; 0: none"}
}}})json";
