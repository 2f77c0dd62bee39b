// Keys, their order and their quoting as in AUTOMATIC1111's stable-diffusion-webui 1.10,
// create_infotext() and quote().
#include "plugins/image/infotext.h"

#include <map>

namespace kiln::image_plugin {

using Json = nlohmann::ordered_json;

static std::string sampler_title(const std::string& name) {
    static const std::map<std::string, std::string> titles = {{"ddim", "DDIM"},
                                                              {"ddpm", "DDPM"},
                                                              {"pndm", "PLMS"},
                                                              {"euler", "Euler"},
                                                              {"euler_a", "Euler a"},
                                                              {"heun", "Heun"},
                                                              {"dpm2", "DPM2"},
                                                              {"dpm2_a", "DPM2 a"},
                                                              {"dpmpp_2s_a", "DPM++ 2S a"},
                                                              {"dpmpp_2m", "DPM++ 2M"},
                                                              {"dpmpp_2m_sde", "DPM++ 2M SDE"},
                                                              {"dpmpp_3m_sde", "DPM++ 3M SDE"},
                                                              {"dpmpp_sde", "DPM++ SDE"},
                                                              {"unipc", "UniPC"},
                                                              {"lms", "LMS"},
                                                              {"lcm", "LCM"},
                                                              {"tcd", "TCD"}};
    auto found = titles.find(name);
    return found == titles.end() ? name : found->second;
}

static std::string schedule_title(const std::string& name) {
    static const std::map<std::string, std::string> titles = {
        {"default", "Automatic"},       {"karras", "Karras"}, {"exponential", "Exponential"},
        {"sgm_uniform", "SGM Uniform"}, {"simple", "Simple"}, {"beta", "Beta"}};
    auto found = titles.find(name);
    return found == titles.end() ? name : found->second;
}

static std::string text_of(const Json& value) {
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    bool plain = text.find_first_of(",\n:") == text.npos;
    return plain ? text : Json(text).dump();
}

std::string infotext(const Json& r) {
    std::string text = r["prompt"].get<std::string>();
    if (std::string negative = r.value("negative", ""); !negative.empty())
        text += "\nNegative prompt: " + negative;
    std::string line;
    auto add = [&](const char* key, const Json& value) {
        line += (line.empty() ? "" : ", ") + std::string(key) + ": " + text_of(value);
    };
    add("Steps", r["steps"]);
    add("Sampler", sampler_title(r["sampler"]));
    add("Schedule type", schedule_title(r["schedule"]));
    add("CFG scale", r["cfg"]);
    add("Seed", r["seed"]);
    add("Size", r["width"].dump() + "x" + r["height"].dump());
    add("Model", r["model"]);
    if (r.contains("vae")) add("VAE", r["vae"]);
    if (r.contains("init")) add("Denoising strength", r["strength"]);
    if (r["clip_skip"] != 0) add("Clip skip", r["clip_skip"].get<int>() + 1);
    if (r["rng"] == "torch") add("RNG", "CPU");
    if (r.contains("eta")) add("Eta", r["eta"]);
    add("Version", "kiln " + r.value("version", ""));
    return text + "\n" + line;
}

}   // namespace kiln::image_plugin
