#include "plugins/builtin/fields.h"

#include <nlohmann/json.hpp>

#include "modalities/diffusion/sampler.h"

namespace kiln::builtin {
namespace {

using Json = nlohmann::ordered_json;

// Where a field has no default, the model's own is taken.
constexpr const char* kFields = R"json({
"prompt": {"type": "string", "title": "Prompt", "positional": true},
"negative": {"type": "string", "title": "Negative prompt", "short": "n",
  "description": "What to keep away from"},
"model": {"type": "string", "title": "Model", "short": "m", "format": "path", "metavar": "MODEL",
  "description": "Name, folder or .safetensors file; see kiln models (default: the one of Kiln)"},
"seed": {"type": "integer", "title": "Seed", "minimum": 0, "maximum": 18446744073709551615},
"count": {"type": "integer", "title": "Count", "default": 1, "minimum": 1, "maximum": 100000},
"batch": {"type": "integer", "title": "Batch", "default": 1, "minimum": 1, "maximum": 64,
  "description": "How many of them to compute at once: faster, for more memory"},

"steps": {"type": "integer", "title": "Steps", "group": "Sampling", "minimum": 1, "maximum": 1000,
  "description": "Denoising steps"},
"cfg": {"type": "number", "title": "Guidance", "group": "Sampling", "minimum": 0, "maximum": 100,
  "description": "How strongly to follow the prompt; 1 turns guidance off"},
"sampler": {"type": "string", "title": "Sampler", "group": "Sampling"},
"schedule": {"type": "string", "title": "Schedule", "group": "Sampling", "default": "default",
  "description": "How the noise falls from step to step"},
"eta": {"type": "number", "title": "Eta", "group": "Sampling", "minimum": 0, "maximum": 10,
  "description": "How much noise the samplers that draw some add at each step"},
"guidance_rescale": {"type": "number", "title": "Guidance rescale", "group": "Sampling",
  "default": 0, "minimum": 0, "maximum": 1,
  "description": "How much of the contrast that guidance adds to take back"},
"rng": {"type": "string", "title": "Noise", "group": "Sampling",
  "default": "torch", "enum": ["torch", "philox"],
  "description": "torch draws what PyTorch draws on a CPU, philox what it draws on a GPU"},
"strength": {"type": "number", "title": "Strength", "exclusiveMinimum": 0, "maximum": 1},

"bits": {"type": "integer", "title": "Bits", "default": 16, "enum": [16, 24, 32]},
"rate": {"type": "integer", "title": "Sample rate"},
"loudness": {"type": "number", "title": "Loudness", "minimum": -70, "maximum": 0},

"variant": {"type": "string", "title": "Variant", "group": "Model",
  "description": "Take the files of this name where a folder has several, such as fp16"},
"tokenizer": {"type": "string", "title": "Tokenizer", "group": "Model", "format": "path"},
"precision": {"type": "string", "title": "Precision", "group": "Model",
  "default": "auto", "enum": ["auto", "f32", "f16", "bf16"],
  "description": "How intermediate results are stored; arithmetic is f32 at all times"},
"two_passes": {"type": "boolean", "title": "Two passes", "group": "Model", "default": false,
  "description": "Guidance in two passes instead of one batch: slower, for less memory"},

"mesh": {"type": "boolean", "title": "Mesh", "group": "Mesh (.obj, or --mesh with .glb or .html)",
  "default": false,
  "description": "A textured mesh instead of splats; with .obj at all times"},
"grid": {"type": "integer", "title": "Grid", "group": "Mesh (.obj, or --mesh with .glb or .html)",
  "default": 128, "minimum": 8, "maximum": 512,
  "description": "Cells along the longest side: more keep finer shapes, fewer close gaps"},
"threshold": {"type": "number", "title": "Threshold",
  "group": "Mesh (.obj, or --mesh with .glb or .html)", "exclusiveMinimum": 0, "maximum": 100000,
  "description": "Density, as a sum of opacities, at which the surface is (default: found)"},
"faces": {"type": "integer", "title": "Faces",
  "group": "Mesh (.obj, or --mesh with .glb or .html)", "default": 20000, "minimum": 4,
  "maximum": 10000000, "description": "Triangles at most"},
"texture": {"type": "integer", "title": "Texture",
  "group": "Mesh (.obj, or --mesh with .glb or .html)", "default": 1024, "minimum": 16,
  "maximum": 8192, "description": "Pixels of its side"}
})json";

Json fields() {
    Json all = Json::parse(kFields);
    all["sampler"]["enum"] = sampler_names();
    all["schedule"]["enum"] = schedule_names();
    return all;
}

}   // namespace

const char* version() { return KILN_VERSION; }

std::string described(const char* description) {
    Json d = Json::parse(description);
    d["version"] = version();
    const Json shared = fields();
    for (auto& [name, property] : d["request"]["properties"].items()) {
        if (property.contains("type") || !shared.contains(name)) continue;
        Json whole = shared[name];
        whole.update(property);
        property = std::move(whole);
    }
    return d.dump();
}

}   // namespace kiln::builtin
