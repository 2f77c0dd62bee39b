// Splats as files of splats, and as a page that shows them.
#pragma once
#include <string>
#include <vector>

#include "modalities/splat/assets/asset.h"
#include "plugins/builtin/session.h"

namespace kiln::shapes {

// A result, before it is handed over.
struct File {
    std::string media;
    std::vector<std::byte> bytes;
};

inline constexpr const char *kHtml = "text/html", *kPng = "image/png";

// Splats in the format of this media type, with a warning where it loses what others keep. None of
// the formats: a ResultError (usage).
File cloud_of(const Splats& splats, const std::string& media, const SplatWriteOptions& options,
              const builtin::Session& session);

// The viewer with the splats inside as a .spz, which it calls `stem`.
File page_of(const Splats& splats, const std::string& stem, const SplatWriteOptions& options);

}   // namespace kiln::shapes
