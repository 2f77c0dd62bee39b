#include "modalities/audio/clap.h"

#include <algorithm>
#include <filesystem>

#include "modalities/latent/model_folder.h"
#include "modalities/latent/run.h"
#include "runtime/io/json.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

// Where the parts of a CLAP model lie: in one folder, or in those of a pipeline's components.
struct Places {
    fs::path model, tokenizer, features;
};

Places places(const std::string& path) {
    const fs::path root = snapshot_of(path);
    if (fs::exists(root / "model_index.json"))
        return {root / "text_encoder", root / "tokenizer", root / "feature_extractor"};
    return {root, root, root};
}

// preprocessor_config.json, or processor_config.json, in which newer transformers nest it.
std::string extractor_file(const fs::path& folder) {
    const fs::path own = folder / "preprocessor_config.json",
                   nested = folder / "processor_config.json";
    return (fs::exists(nested) && !fs::exists(own) ? nested : own).string();
}

// The extractor and the tower are published as two files; what one gives the other must take.
void check_fit(const ClapFiles& m, const std::string& path) {
    const auto refuse = [&](const std::string& fact) {
        throw ResultError({Status::bad_file, path + ": " + fact});
    };
    if (m.features.truncation == ClapFeatureConfig::Truncation::fusion)
        refuse(
            "truncation: \"fusion\" is for towers with fusion, which are not supported; expected "
            "\"rand_trunc\"");
    if (m.features.mel.bands != m.audio.mels)
        refuse("feature_size: " + std::to_string(m.features.mel.bands) + ", but the tower takes " +
               std::to_string(m.audio.mels) + " bands");
    if (m.features.frames() > m.audio.frames())
        refuse("max_length_s: " + std::to_string(m.features.frames()) +
               " frames, but the tower takes at most " + std::to_string(m.audio.frames()));
    if (m.tokenizer.vocabulary_size() > m.text.vocabulary)
        refuse("the text tower knows " + std::to_string(m.text.vocabulary) +
               " tokens, the tokenizer has " + std::to_string(m.tokenizer.vocabulary_size()));
}

ClapFiles open_files(const std::string& path) {
    const Places at = places(path);
    const std::string file = (at.model / "config.json").string();
    const nlohmann::json document = take(read_json(file));
    const JsonObject config(document, file);
    for (const char* tower : {"text_config", "audio_config"})
        if (!config.has(tower))
            throw ResultError(config.error(tower, "missing: a whole CLAP model has both towers"));
    if (take(take(config.object("audio_config")).boolean("enable_fusion", false)))
        throw ResultError(
            config.error("audio_config",
                         "a tower with fusion (enable_fusion) is not supported; models without "
                         "are, such as laion/clap-htsat-unfused"));
    ClapFiles m;
    m.text = take(parse_clap_text_config(config));
    m.audio = take(parse_clap_audio_config(config));
    const std::string features = extractor_file(at.features);
    const nlohmann::json extractor = take(read_json(features));
    const JsonObject outer(extractor, features);
    m.features = take(parse_clap_feature_config(
        outer.has("feature_extractor") ? take(outer.object("feature_extractor")) : outer));
    m.tokenizer = take(Tokenizer::open(at.tokenizer.string(), TokenizerKind::roberta));
    m.part.files = std::make_shared<TensorFiles>(take(TensorFiles::open_folder(at.model.string())));
    check_fit(m, features);
    return m;
}

}   // namespace

Result<ClapFiles> ClapFiles::open(const std::string& path) {
    try {
        return open_files(path);
    } catch (const ResultError& failure) {
        return failure.error;
    } catch (const fs::filesystem_error& failure) {
        return Error{Status::bad_file, path + ": " + failure.code().message()};
    }
}

bool brings_clap(const std::string& path) {
    const Places at = places(path);
    const auto document = read_json((at.model / "config.json").string());
    return document && document->is_object() && document->contains("audio_config") &&
           fs::exists(extractor_file(at.features));
}

Clap::Clap(std::shared_ptr<Device> device, const ClapFiles& files)
    : Clap(device, files,
           Weights(device, files.part.files, {.names = files.part.names, .deferred = true})) {}

Clap::Clap(std::shared_ptr<Device> device, const ClapFiles& files, Weights weights)
    : device_(std::move(device)),
      tokenizer_(files.tokenizer),
      features_(files.features),
      text_(weights, files.text),
      audio_(weights, files.audio),
      weights_(weights.deferred()) {}

Result<std::vector<float>> Clap::embed(const std::string& text, const Cancelled& cancelled) {
    return guarded([&] { return embed_text(text, cancelled); });
}

Result<std::vector<float>> Clap::embed(const Sound& sound, const Cancelled& cancelled) {
    return guarded([&] { return embed_sound(sound, cancelled); });
}

// Texts come one at a time and seldom: what is compiled for one goes again.
std::vector<float> Clap::embed_text(const std::string& text, const Cancelled& cancelled) {
    Tokens all = tokenizer_.encode(text, std::min(tokenizer_.max_length(), text_.config.length()));
    all.ids.resize(size_t(all.used));
    const int64_t n = all.used;
    const Tensor ids = input("ids", {1, n}, DType::i32);
    const Tensor positions = input("positions", {1, n}, DType::i32);
    const Tensor mask = constant({1, n}, std::vector<float>(size_t(n), 1.0f));
    Graph graph = take(Graph::compile(device_, {text_.embedding(text_(ids, positions, mask))}));
    take(graph.write_i32(ids, all.ids));
    take(graph.write_i32(positions, text_.config.position_ids(all.ids)));
    take(graph.run(cancelled));
    return take(graph.read());
}

std::vector<float> Clap::embed_sound(const Sound& sound, const Cancelled& cancelled) {
    const Sound heard = take(resample_sound(to_mono(sound), features_.mel.sample_rate));
    const auto middle = [](int64_t count) { return count / 2; };
    const ClapFeatures seen = take(clap_features(device_, heard.samples, features_, middle));
    if (!hearing_) {
        mel_ = input("mel", {1, seen.frames, seen.bands});
        hearing_ = take(Graph::compile(device_, {unit_vectors(audio_.features(mel_))}));
    }
    take(hearing_->write(mel_, seen.values));
    take(hearing_->run(cancelled));
    return take(hearing_->read());
}

bool Clap::release() {
    const bool held = hearing_.has_value();
    hearing_.reset();
    return evict(weights_) || held;
}

double similarity(std::span<const float> a, std::span<const float> b) {
    ensure(a.size() == b.size(), "similarity of vectors of different spaces");
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) sum += double(a[i]) * double(b[i]);
    return sum;
}

}   // namespace kiln
