#include "plugins/builtin/request.h"

#include <filesystem>

#include "plugins/builtin/fields.h"

namespace kiln::builtin {

Precision precision_of(const Json& request) {
    const std::string name = request.value("precision", "auto");
    return name == "f32"    ? Precision::f32
           : name == "f16"  ? Precision::f16
           : name == "bf16" ? Precision::bf16
                            : Precision::automatic;
}

const sdk::Blob* file_of(const Json& request, const char* name, const sdk::Request& blobs) {
    return request.contains(name) ? blobs.find(request[name].get<std::string>()) : nullptr;
}

void sign(Json& request, const std::string& model) {
    request["model"] = std::filesystem::path(model).stem().string();
    request["version"] = version();
}

std::string text_of(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

SampleType sample_type(int bits) {
    return bits == 32 ? SampleType::f32 : bits == 24 ? SampleType::pcm24 : SampleType::pcm16;
}

SoundTags sound_tags(const std::string& title, const Json& made) {
    return {{"title", title},
            {"software", "kiln " + made.value("version", std::string())},
            {"comment", text_of(made)}};
}

}   // namespace kiln::builtin
