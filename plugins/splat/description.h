// What the splat plugin is and takes; see describe() in plugins/sdk/plugin.h. Where a property has
// no default, it depends on what the splats are made from; plugins/builtin/fields.cpp completes
// those without a type.
#pragma once

inline constexpr const char* kDescription = R"json({
"name": "splat",
"summary": "Gaussian splats of a scene, from pictures with cameras; and a page to view them",
"outputs": [{"media_type": "model/x-ply", "extension": "ply"},
            {"media_type": "model/x-spz", "extension": "spz"},
            {"media_type": "model/x-splat", "extension": "splat"},
            {"media_type": "model/gltf-binary", "extension": "glb"},
            {"media_type": "text/html", "extension": "html"},
            {"media_type": "image/png", "extension": "png"},
            {"media_type": "application/x-kiln-fit", "extension": "fit"}],
"request": {
"type": "object",
"additionalProperties": false,
"properties": {
"images": {"type": "string", "title": "Pictures", "group": "From pictures", "format": "path",
  "metavar": "DIR",
  "description": "A folder with COLMAP's sparse/0 and images, or with transforms.json"},
"size": {"type": "integer", "title": "Size", "group": "From pictures", "default": 1024,
  "minimum": 16, "maximum": 4080,
  "description": "Longest side to learn from in pixels; larger pictures are made smaller"},
"hold_out": {"type": "integer", "title": "Hold out", "group": "From pictures", "default": 8,
  "minimum": 0, "maximum": 1000,
  "description": "Keep every so many-th picture to measure the result with; 0: learn from all"},
"up": {"type": "string", "title": "Up", "group": "From pictures", "default": "auto",
  "enum": ["auto", "x", "y", "z", "-x", "-y", "-z"],
  "description": "What is up in the world of the cameras; -y keeps COLMAP's world in a .ply"},

"steps": {"type": "integer", "title": "Steps", "group": "Splats", "minimum": 1, "maximum": 1000000,
  "description": "Of the optimiser, a picture each (default: 7000)"},
"splats": {"type": "integer", "title": "Splats", "group": "Splats", "minimum": 1,
  "maximum": 16777216, "description": "At most so many (default: 200000)"},
"sh_degree": {"type": "integer", "title": "Degree", "group": "Splats", "minimum": 0, "maximum": 3,
  "description": "Of the spherical harmonics, by which colours change with the view (default: 3)"},
"growth": {"type": "string", "title": "Growth", "group": "Splats", "default": "adaptive",
  "enum": ["adaptive", "relocated", "none"],
  "description": "How splats become more: where pictures ask for it, or by a share at a time"},
"antialiased": {"type": "boolean", "title": "Antialiased", "group": "Splats", "default": false,
  "description": "For viewers that compensate their low-pass filter (Mip-Splatting)"},
"seed": {"group": "Splats", "default": 0, "description": "The same seed gives the same splats"},

"checkpoint": {"type": "string", "title": "Checkpoint", "group": "Run", "format": "path",
  "metavar": "FILE",
  "description": "Keep the state of the run in this file; without, Ctrl-C leaves one beside -o"},
"checkpoint_every": {"type": "integer", "title": "Checkpoint every", "group": "Run",
  "default": 500, "minimum": 1, "maximum": 1000000, "description": "So many steps"},
"resume": {"type": "string", "title": "Resume", "group": "Run", "format": "path",
  "metavar": "FILE", "description": "Go on from the state of an earlier run, which has to fit"},
"preview_every": {"type": "integer", "title": "Previews", "group": "Run",
  "default": 0, "minimum": 0, "maximum": 1000000,
  "description": "Steps between previews, for programs that listen; 0: none"},

"view": {"type": "string", "title": "View", "contentMediaType": "*/*",
  "description": "Show a file of splats (.ply, .spz, .splat, .glb) or a mesh (.glb) in the browser"}
}}})json";
