#include "plugins/vocode/source.h"

#include <algorithm>

#include "runtime/io/file.h"
#include "runtime/io/magic.h"
#include "runtime/io/npy.h"
#include "runtime/io/safetensors.h"

namespace kiln::vocode_plugin {
namespace {

bool is_npy(const sdk::Blob& file) { return as_text(file.data).starts_with("\x93NUMPY"); }

NpyArray array_of(const sdk::Blob& file) {
    const std::string name(file.file_name);
    if (is_npy(file)) return take(parse_npy(file.data, name));
    const Safetensors tensors = take(Safetensors::parse(file.data, name));
    const TensorInfo* info = tensors.find("mel");
    if (!info && tensors.tensors().size() == 1) info = &tensors.tensors()[0];
    if (!info)
        throw ResultError({Status::bad_file, name +
                                                 ": expected one tensor or one called mel; found " +
                                                 std::to_string(tensors.tensors().size())});
    return {info->shape, take(tensors.values(*info))};
}

// Without axes of one in front, as batches have them.
Shape matrix_shape(Shape shape) {
    while (shape.rank() > 2 && shape[0] == 1) shape.dims.erase(shape.dims.begin());
    return shape;
}

}   // namespace

MelOptions named_front_end(const std::string& name) {
    if (name != "audio_ldm") return hifi_gan_mel();
    HifiGanConfig audio_ldm;
    audio_ldm.mels = 64, audio_ldm.sample_rate = 16000, audio_ldm.rates = {5, 4, 2, 2, 2};
    return vocoder_mel(audio_ldm);
}

bool is_array(const sdk::Blob& file) {
    const auto head = file.data.first(std::min<size_t>(file.data.size(), 64));
    return is_npy(file) || kind_of_file(head) == kSafetensorsKind;
}

int bands_of(const sdk::Blob& file) {
    const Shape shape = matrix_shape(array_of(file).shape);
    for (int axis = 0; axis < std::min(shape.rank(), 2); axis++)
        if (shape[axis] == 64 || shape[axis] == 80) return int(shape[axis]);
    return 0;
}

Mel read_mel(const sdk::Blob& file, int bands) {
    NpyArray array = array_of(file);
    const Shape shape = matrix_shape(array.shape);
    if (shape.rank() != 2 || (shape[0] != bands && shape[1] != bands) || array.values.empty())
        throw ResultError({Status::bad_file, std::string(file.file_name) + ": expected [" +
                                                 std::to_string(bands) + " bands, frames]; found " +
                                                 to_string(array.shape)});
    if (shape[0] != bands) return {shape[0], bands, std::move(array.values)};
    Mel mel{shape[1], bands, std::vector<float>(array.values.size())};
    for (int64_t f = 0; f < mel.frames; f++)
        for (int64_t b = 0; b < bands; b++)
            mel.values[size_t(f * bands + b)] = array.values[size_t(b * mel.frames + f)];
    return mel;
}

Source read_source(const std::shared_ptr<Device>& device, const sdk::Blob& file,
                   const MelOptions& front_end) {
    if (is_array(file)) return {read_mel(file, front_end.bands), {}};
    const Sound sound = take(decode_sound(file.data, std::string(file.file_name)));
    Source source;
    source.sound = take(resample_sound(to_mono(sound), front_end.sample_rate));
    source.mel = take(mel_spectrogram(device, source.sound->samples, front_end));
    return source;
}

}   // namespace kiln::vocode_plugin
