// What the convert plugin is and takes; see describe() in plugins/sdk/plugin.h.
#pragma once

inline constexpr const char* kDescription = R"json({
"name": "convert",
"summary": "Gaussian splats into another file format, a mesh, or pictures from all sides",
"outputs": [{"media_type": "model/x-ply", "extension": "ply"},
            {"media_type": "model/x-spz", "extension": "spz"},
            {"media_type": "model/x-splat", "extension": "splat"},
            {"media_type": "model/gltf-binary", "extension": "glb"},
            {"media_type": "model/obj", "extension": "obj"},
            {"media_type": "model/mtl", "extension": "mtl"},
            {"media_type": "text/html", "extension": "html"},
            {"media_type": "image/png", "extension": "png"}],
"request": {
"type": "object",
"required": ["input"],
"additionalProperties": false,
"properties": {
"input": {"type": "string", "title": "Input", "positional": true, "contentMediaType": "*/*",
  "description": "A file of splats (.ply, .spz, .splat, .glb)"},
"degree": {"type": "integer", "title": "Degree", "minimum": 0, "maximum": 3,
  "description": "Of the spherical harmonics at most; those above are left out (default: all)"},
"spz_version": {"type": "integer", "title": "SPZ version", "default": 3, "enum": [2, 3, 4],
  "description": "2 is read by more programs, 3 keeps rotations better, 4 is newer and smaller"},
"input_axes": {"type": "string", "title": "Input axes", "group": "Axes", "metavar": "AXES",
  "enum": ["RUB", "LUB", "RDB", "LDB", "RUF", "LUF", "RDF", "LDF"],
  "description": "Where x, y and z point: right, left, up, down, back, front (default: as below)"},
"axes": {"type": "string", "title": "Axes", "group": "Axes", "metavar": "AXES",
  "enum": ["RUB", "LUB", "RDB", "LDB", "RUF", "LUF", "RDF", "LDF"],
  "description": "Of a file of splats (default: RDF of .ply and .splat, RUB of .spz and .glb)"},

"mesh": {}, "grid": {}, "threshold": {}, "faces": {}, "texture": {},

"views": {"type": "integer", "title": "Views", "group": "Contact sheet (.png)",
  "default": 24, "minimum": 1, "maximum": 360,
  "description": "From all around, the front first, row by row"},
"size": {"type": "integer", "title": "Size", "group": "Contact sheet (.png)",
  "default": 256, "minimum": 16, "maximum": 4080, "description": "Pixels of a view's side"},
"elevation": {"type": "number", "title": "Elevation", "group": "Contact sheet (.png)",
  "default": 15, "minimum": -90, "maximum": 90,
  "description": "Degrees above the horizon to look from"},
"radius": {"type": "number", "title": "Radius", "group": "Contact sheet (.png)",
  "minimum": 0.000001, "maximum": 1000000,
  "description": "Of what fills a view, around the origin (default: whatever is seen does)"},
"background": {"type": "string", "title": "Background", "group": "Contact sheet (.png)",
  "default": "white", "enum": ["white", "silver", "grey", "black"],
  "description": "Behind the splats"}
}}})json";
