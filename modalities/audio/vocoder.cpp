#include "modalities/audio/vocoder.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "runtime/io/json.h"
#include "runtime/io/magic.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConvert =
    " The authors' files keep the weights under the key \"generator\"; in Python: import torch; "
    "from safetensors.torch import save_file; d = torch.load('generator_v1', map_location='cpu', "
    "weights_only=True)['generator']; save_file({k: v.contiguous() for k, v in d.items()}, "
    "'model.safetensors')";

// The file of weights in a folder: the one that transformers would take, else the only one.
Result<TensorFiles> weights_in(const fs::path& folder) {
    std::vector<std::string> found, authors;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
        const std::string name = entry.path().filename().string();
        if (entry.path().extension() == ".safetensors") found.push_back(entry.path().string());
        if (name.starts_with("generator") || name.starts_with("g_"))
            authors.push_back(entry.path().string());
    }
    if (found.size() == 1) return TensorFiles::open(found[0]);
    if (found.empty() && !authors.empty())
        return Error{Status::bad_file, authors[0] + ": expected a safetensors file." + kConvert};
    return TensorFiles::open_folder(folder.string());
}

}   // namespace

Result<VocoderFiles> VocoderFiles::open(const std::string& path) {
    std::error_code ignored;
    const bool is_folder = fs::is_directory(path, ignored);
    const fs::path folder = is_folder ? fs::path(path) : fs::path(path).parent_path();
    if (!is_folder && !fs::exists(path, ignored))
        return Error{Status::bad_file, path + ": expected a vocoder's folder or file, found none"};
    const std::string at = (folder / "config.json").string();
    const auto document = read_json(at);
    if (!document) return document.error();
    const auto config = parse_hifi_gan_config(JsonObject(*document, at));
    if (!config) return config.error();
    auto files = is_folder ? weights_in(folder) : TensorFiles::open(path);
    if (!files) {
        Error error = files.error();
        if (error.message.find(kPickleKind) != std::string::npos) error.message += kConvert;
        return error;
    }
    VocoderFiles vocoder{*config, std::make_shared<TensorFiles>(std::move(*files)), ""};
    for (const char* root : {"", "generator"})
        if (vocoder.files->find((*root ? std::string(root) + "." : "") + "conv_pre.bias"))
            vocoder.root = root;
    return vocoder;
}

MelOptions vocoder_mel(const HifiGanConfig& c) {
    MelOptions o = hifi_gan_mel();
    const double highest = c.sample_rate / 2.0;
    o.sample_rate = c.sample_rate;
    o.hop = c.hop();
    o.n_fft = c.fft ? c.fft : std::max(o.n_fft, o.hop);
    o.window = c.window ? c.window : o.n_fft;
    o.bands = c.mels;
    o.low = c.low;
    // The authors leave it open for all there is.
    o.high = std::min(highest, c.high > 0 ? c.high : c.fft ? highest : 8000.0);
    o.padding = std::max(0, (o.n_fft - o.hop) / 2);
    return o;
}

static bool finite(std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

static HifiGan build(const std::shared_ptr<Device>& device, const VocoderFiles& v,
                     Storage storage) {
    Weights weights(device, v.files, {.storage = storage});
    return {Scope(weights, v.root), v.config};
}

Vocoder::Vocoder(std::shared_ptr<Device> device, const VocoderFiles& files,
                 const VocoderOptions& options)
    : device_(device), options_(options), model_(build(device, files, options.storage)) {}

Vocoder::Vocoder(std::shared_ptr<Device> device, Scope s, const HifiGanConfig& config,
                 const VocoderOptions& options)
    : device_(std::move(device)),
      options_(options),
      model_(s, config),
      weights_(s.weights->deferred()) {}

bool Vocoder::release() {
    const bool held = piece_ != nullptr;
    piece_.reset();
    return evict(weights_) || held;
}

uint64_t Vocoder::least_memory() const {
    const int64_t frames = std::max<int64_t>(1, options_.frames) + 2 * config().halo();
    const Tensor mel = input("mel", {1, frames, config().mels});
    return Graph::needs(*device_, {model_(mel, options_.activations)}).least();
}

Vocoder::Piece Vocoder::compile(int64_t frames) const {
    const Tensor mel = input("mel", {1, frames, config().mels});
    return {frames, mel,
            take(Graph::compile(device_, {model_(mel, options_.activations)},
                                {.workspace = options_.workspace}))};
}

Result<std::vector<float>> Vocoder::run(std::span<const float> mel, const Events& events) try {
    const HifiGanConfig& c = config();
    if (mel.empty() || mel.size() % size_t(c.mels))
        return Error{Status::usage, "expected frames of " + std::to_string(c.mels) +
                                        " mel bands each; found " + std::to_string(mel.size()) +
                                        " values"};
    if (!finite(mel)) return Error{Status::not_finite, "the spectrogram holds NaN or infinity"};
    const int64_t total = int64_t(mel.size()) / c.mels, halo = c.halo(), hop = c.hop();
    const int64_t length = std::min(total, std::max<int64_t>(1, options_.frames) + 2 * halo);
    if (c.samples(total) < 1)
        return Error{Status::usage, std::to_string(total) + " frames are too short for a sample"};
    if (!piece_ || piece_->frames != length) {
        piece_.reset();   // before the next one asks for memory
        piece_ = std::make_unique<Piece>(compile(length));
    }
    std::vector<float> waveform(size_t(c.samples(total)));
    std::vector<float> part(size_t(c.samples(length)));
    for (int64_t done = 0; done < total;) {
        // Samples of the piece's first and last `halo` frames miss some of what they depend on,
        // unless the spectrogram begins or ends there.
        const int64_t first = std::clamp<int64_t>(done - halo, 0, total - length);
        const bool last = first + length == total;
        const int64_t until = last ? total : first + length - halo;
        take(piece_->graph.write(piece_->mel,
                                 mel.subspan(size_t(first * c.mels), size_t(length * c.mels))));
        take(piece_->graph.run(events.cancelled));
        take(piece_->graph.read(part));
        const auto begin = part.begin() + (done - first) * hop;
        const auto end = last ? part.end() : part.begin() + (until - first) * hop;
        std::copy(begin, end, waveform.begin() + done * hop);
        done = until;
        if (events.progress) events.progress(done, total);
    }
    if (!finite(waveform))
        return Error{Status::not_finite, "the vocoder made samples that are not finite"};
    return waveform;
} catch (const ResultError& failure) {
    return failure.error;
}

}   // namespace kiln
