// What the splat plugin is and takes; see describe() in plugins/sdk/plugin.h.
#pragma once

inline constexpr const char* kDescription = R"json({
"name": "splat",
"summary": "Gaussian splats: show them",
"outputs": [{"media_type": "text/html", "extension": "html"}],
"request": {
"type": "object",
"required": ["view"],
"additionalProperties": false,
"properties": {
"view": {"type": "string", "title": "View", "contentMediaType": "*/*",
  "description": "Show a file of splats (.ply, .spz, .splat, .glb) or a mesh (.glb) in the browser"}
}}})json";
