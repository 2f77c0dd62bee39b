// What the audio plugin is and takes; see describe() in plugins/sdk/plugin.h. Where a property has
// no default, the model's own is taken; plugins/builtin/fields.cpp completes those without a type.
#pragma once

inline constexpr const char* kDescription = R"json({
"name": "audio",
"summary": "A sound from words, with AudioLDM, AudioLDM 2 or Stable Audio Open",
"outputs": [{"media_type": "audio/wav", "extension": "wav"},
  {"media_type": "audio/flac", "extension": "flac"},
  {"media_type": "audio/ogg", "extension": "ogg"},
  {"media_type": "image/png", "extension": "png"}],
"request": {
"type": "object",
"required": ["prompt"],
"additionalProperties": false,
"properties": {
"prompt": {"description": "What to hear"},
"negative": {},
"model": {},

"seconds": {"type": "number", "title": "Seconds", "short": "s", "group": "Sound",
  "exclusiveMinimum": 0, "maximum": 3600, "description": "How long it is to be"},
"loop": {"type": "boolean", "title": "Loop", "group": "Sound", "default": false,
  "description": "Let the end go over into the beginning"},
"seed": {"group": "Sound",
  "description": "The same seed gives the same sound (default: a new one each time)"},
"count": {"group": "Sound", "description": "How many sounds, each with the next seed"},
"batch": {"group": "Sound"},

"steps": {"description": "Denoising steps (default: what suits the model)"},
"cfg": {},
"sampler": {"description": "How to get from noise to sound"},
"schedule": {},
"eta": {},
"guidance_rescale": {},
"rng": {},
"window": {"type": "number", "title": "Window", "group": "Sampling", "minimum": 0, "maximum": 3600,
  "description": "Make longer sounds in overlapping windows of so many seconds; 0: in one"},

"init": {"type": "string", "title": "First sound", "group": "From a sound",
  "contentMediaType": "audio/*",
  "description": "A sound to start from; where it is shorter than --seconds it goes on"},
"strength": {"group": "From a sound",
  "description": "How much of it to replace (default: 0.5, or 1 where parts of it are kept)"},
"repaint_from": {"type": "number", "title": "Repaint from", "group": "From a sound",
  "minimum": 0, "maximum": 3600,
  "description": "Second from which to make it anew, and keep what is before"},
"repaint_to": {"type": "number", "title": "Repaint to", "group": "From a sound",
  "exclusiveMinimum": 0, "maximum": 3600,
  "description": "Second until which to make it anew, and keep what is after"},

"candidates": {"type": "integer", "title": "Candidates", "group": "Ranking",
  "default": 1, "minimum": 1, "maximum": 100,
  "description": "Make so many for each sound and keep the one that CLAP finds closest"},
"ranking_model": {"type": "string", "title": "Ranking model", "group": "Ranking",
  "format": "path", "metavar": "FOLDER",
  "description": "A CLAP model without fusion, for models that bring none; sounds come best first"},
"like": {"type": "string", "title": "Like", "group": "Ranking", "contentMediaType": "audio/*",
  "description": "A sound that they are to be close to (default: the prompt)"},

"format": {"type": "string", "title": "Format", "group": "File", "enum": ["wav", "flac", "ogg"],
  "description": "Of the file (default: by its name, else wav)"},
"bits": {"group": "File",
  "description": "A sample in WAV and FLAC; 32 is floating point, in WAV only"},
"rate": {"group": "File", "minimum": 4000, "maximum": 384000,
  "description": "Samples a second (default: the model's)"},
"loudness": {"group": "File",
  "description": "Make it so loud, in LUFS by EBU R 128, with peaks below -1 dBTP"},

"high_band": {"type": "boolean", "title": "High band", "group": "File", "default": false,
  "description": "Guess the octave above what the model makes: twice its sample rate"},
"spectrogram": {"type": "boolean", "title": "Spectrogram", "group": "File", "default": false,
  "description": "Draw it, as a picture beside the file"},

"vocoder": {"type": "string", "title": "Vocoder", "group": "Model", "default": "auto",
  "enum": ["auto", "model", "griffin-lim"],
  "description": "How a spectrogram becomes sound: by the model's network, or without one"},
"variant": {},
"tokenizer": {"description": "A folder with RoBERTa's vocabulary, for models in one file"},
"precision": {},
"two_passes": {}
}}})json";
