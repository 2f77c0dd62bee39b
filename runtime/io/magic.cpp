#include "runtime/io/magic.h"

#include <array>
#include <cstdio>

namespace kiln {

static constexpr std::string_view kLfs = "a Git LFS pointer";
static constexpr std::string_view kHtml = "an HTML page";

struct Magic {
    size_t offset;
    std::string_view bytes, kind;
};

using namespace std::string_view_literals;
static constexpr std::array kMagics = {
    // torch.save writes a zip; older versions a bare pickle.
    Magic{0, "PK\x03\x04"sv, kPickleKind},
    Magic{0, "\x80\x02"sv, kPickleKind},
    Magic{0, "\x80\x04"sv, kPickleKind},
    Magic{0, "GGUF"sv, kGgufKind},
    Magic{0, "FUGG"sv, kGgufKind},
    Magic{0, "version https://git-lfs"sv, kLfs},
    Magic{0, "\x89PNG\r\n\x1a\n"sv, "a PNG picture"},
    Magic{0, "\xff\xd8\xff"sv, "a JPEG picture"},
    Magic{0, "GIF8"sv, "a GIF picture"},
    Magic{0, "BM"sv, "a BMP picture"},
    Magic{8, "WEBP"sv, "a WebP picture"},
    Magic{8, "WAVE"sv, "a WAV sound"},
    Magic{0, "RF64"sv, "a WAV sound"},
    Magic{0, "fLaC"sv, "a FLAC sound"},
    Magic{0, "OggS"sv, "an Ogg sound or film"},
    Magic{0, "ID3"sv, "an MP3 sound"},
    Magic{8, "AIF"sv, "an AIFF sound"},
    Magic{4, "ftypavif"sv, "an AVIF picture"},
    Magic{4, "ftyphei"sv, "a HEIC picture"},
    Magic{4, "ftyp"sv, "an MP4 film"},
    Magic{0, "\x1a\x45\xdf\xa3"sv, "a Matroska or WebM film"},
    Magic{0, "II*\0"sv, "a TIFF picture"},
    Magic{0, "MM\0*"sv, "a TIFF picture"},
    Magic{0, "\0\0\0\x0cJXL "sv, "a JPEG XL picture"},
    Magic{0, "%PDF"sv, "a PDF document"},
    Magic{0, "\x1f\x8b"sv, "a gzip archive"},
    Magic{0, "<!DOCTYPE"sv, kHtml},
    Magic{0, "<!doctype"sv, kHtml},
    Magic{0, "<html"sv, kHtml},
    Magic{0, "<svg"sv, "an SVG drawing"},
    Magic{0, "\177ELF"sv, "a program"},
    Magic{0, "{"sv, "JSON"},
};

std::string_view kind_of_file(std::span<const std::byte> first_bytes) {
    std::string_view head(reinterpret_cast<const char*>(first_bytes.data()), first_bytes.size());
    // First, because a header's length can look like another format's magic.
    if (head.size() > 8 && head[8] == '{' && head.substr(4, 4) == "\0\0\0\0"sv)
        return kSafetensorsKind;
    for (const Magic& magic : kMagics)
        if (head.size() > magic.offset && head.substr(magic.offset).starts_with(magic.bytes))
            return magic.kind;
    return {};
}

std::string_view advice_for(std::string_view kind) {
    if (kind == kPickleKind)
        return "Pickled checkpoints can run any code when loaded, so Kiln does not open them. "
               "Convert it once with Python: from safetensors.torch import save_file; import "
               "torch; "
               "d = torch.load('model.ckpt', map_location='cpu', weights_only=True); "
               "d = d.get('state_dict', d); save_file({k: v.clone().contiguous() "
               "for k, v in d.items() if hasattr(v, 'shape')}, 'model.safetensors')";
    if (kind == kLfs) return "The real file was not downloaded; run: git lfs pull";
    if (kind == kHtml) return "The download saved a web page instead of the file.";
    return {};
}

std::string in_quotes(std::string_view text, size_t limit) {
    std::string out = "\"";
    for (unsigned char c : text.substr(0, limit)) {
        char escape[8];
        if (c == '"' || c == '\\')
            (out += '\\') += char(c);
        else if (c >= 0x20 && c < 0x7f)
            out += char(c);
        else
            out.append(escape, size_t(std::snprintf(escape, sizeof escape, "\\x%02x", c)));
    }
    return out + (text.size() > limit ? "...\"" : "\"");
}

}   // namespace kiln
