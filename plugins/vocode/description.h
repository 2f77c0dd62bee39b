// What the vocode plugin is and takes; see describe() in plugins/sdk/plugin.h.
// plugins/builtin/fields.cpp completes the properties without a type.
#pragma once

inline constexpr const char* kDescription = R"json({
"name": "vocode",
"summary": "Sound from a mel spectrogram, or from a sound's own to hear what a vocoder makes of it",
"outputs": [{"media_type": "audio/wav", "extension": "wav"},
            {"media_type": "audio/flac", "extension": "flac"},
            {"media_type": "audio/ogg", "extension": "ogg"}],
"request": {
"type": "object",
"required": ["input"],
"additionalProperties": false,
"properties": {
"input": {"type": "string", "title": "Input", "positional": true, "contentMediaType": "*/*",
  "description": "A sound (WAV, FLAC, Ogg), or a mel spectrogram as .npy or .safetensors"},
"vocoder": {"type": "string", "title": "Vocoder", "short": "m", "format": "path",
  "metavar": "MODEL", "default": "griffin-lim",
  "description": "A HiFi-GAN's folder or file, one's name from kiln models, or griffin-lim"},

"iterations": {"type": "integer", "title": "Iterations", "group": "Griffin-Lim",
  "default": 64, "minimum": 0, "maximum": 10000, "description": "How often to go back and forth"},
"momentum": {"type": "number", "title": "Momentum", "group": "Griffin-Lim",
  "default": 0.99, "minimum": 0, "maximum": 2,
  "description": "How much of the last change to add to the next; 0: none"},
"seed": {"type": "integer", "title": "Seed", "group": "Griffin-Lim",
  "default": 0, "minimum": 0, "maximum": 4294967295, "description": "Of the first phases"},
"front_end": {"type": "string", "title": "Front end", "group": "Griffin-Lim",
  "default": "auto", "enum": ["auto", "hifi_gan", "audio_ldm"],
  "description": "How the spectrogram is made: 80 bands at 22050 Hz, or 64 at 16 kHz"},

"rate": {"group": "Sound", "minimum": 1000, "maximum": 768000,
  "description": "Of the result, Hz (default: the vocoder's)"},
"bits": {"group": "Sound", "description": "A sample; 32 is floating point, of WAV only"},
"loudness": {"group": "Sound", "metavar": "LUFS",
  "description": "Bring the result to it by EBU R 128, such as -23 (default: as it is)"},
"ceiling": {"type": "number", "title": "Ceiling", "group": "Sound", "default": -1,
  "minimum": -20, "maximum": 0, "metavar": "DBTP",
  "description": "The true peak that the result never exceeds"},
"precision": {"default": "f32", "enum": ["f32", "f16"]}
}}})json";
