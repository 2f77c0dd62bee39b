#include "tests/gate/networks.h"

#include <fstream>

#include "modalities/latent/unet.h"
#include "modalities/latent/vae.h"
#include "modalities/text/clip_text.h"
#include "runtime/graph/fuse.h"
#include "runtime/graph/program.h"
#include "tests/image/models.h"

namespace kiln::test {
namespace {

// A file of `dtype` with every tensor of the golden full_NAME.json, whose values take no room.
class Hollow {
public:
    Hollow(const std::string& name, DType dtype)
        : document_(golden_document("full_" + name)), folder_("gate-" + name) {
        add(document_.at("tensors"), "", dtype);
        const std::string header = header_.dump();
        const fs::path file = folder_.path / "weights.safetensors";
        const uint64_t length = header.size();
        std::ofstream stream(file, std::ios::binary);
        for (int i = 0; i < 8; i++) stream.put(char(length >> 8 * i));
        stream << header;
        stream.close();
        fs::resize_file(file, 8 + length + end_);
        files_ = std::make_shared<TensorFiles>(take(TensorFiles::open(file.string())));
    }

    Weights weights(const std::shared_ptr<Device>& device) const {
        return {device, files_, {.deferred = true}};
    }
    JsonObject config() const { return {document_.at("config"), "config"}; }

private:
    // Subtrees that are equal stand once in "parts", by "#n".
    void add(const nlohmann::json& tree, const std::string& name, DType dtype) {
        if (tree.is_string())
            return add(document_.at("parts").at(std::stoul(tree.get<std::string>().substr(1))),
                       name, dtype);
        if (tree.is_object()) {
            for (const auto& [part, below] : tree.items())
                add(below, name.empty() ? part : name + "." + part, dtype);
            return;
        }
        const uint64_t begin = end_;
        end_ += uint64_t(Shape(tree.get<std::vector<int64_t>>()).count()) * size_of(dtype);
        header_[name] = {{"dtype", dtype == DType::f16 ? "F16" : "F32"},
                         {"shape", tree},
                         {"data_offsets", {begin, end_}}};
    }

    nlohmann::json document_, header_;
    TemporaryFolder folder_;
    uint64_t end_ = 0;
    std::shared_ptr<TensorFiles> files_;
};

class Collector {
public:
    Collector(std::shared_ptr<Device> device, const Caps& caps, DType dtype)
        : device_(std::move(device)), caps_(caps), dtype_(dtype) {}

    void add_unet(const std::string& name, const std::vector<int64_t>& sizes) {
        const Hollow hollow(name, dtype_);
        Weights weights = hollow.weights(device_);
        const UNetConfig c = take(parse_unet_config(hollow.config()));
        const UNet unet(weights, c);
        for (int64_t size : sizes) {
            UNetInputs in{.latent = input("latent", {2, size, size, c.in_channels}),
                          .timestep = input("timestep", {2}),
                          .context = input("context", {2, 77, c.context[0]}),
                          .dtype = dtype_};
            if (c.addition_time_width) {
                in.pooled = input("pooled", {2, 1280});
                in.time_ids = input("time_ids", {2, 6});
            }
            add({unet(in)});
        }
    }

    void add_decoder(const std::string& name) {
        const Hollow hollow(name, dtype_);
        Weights weights = hollow.weights(device_);
        const VaeDecoder decoder(weights, take(parse_vae_config(hollow.config())));
        for (int64_t size : {64, 128}) add({decoder(input("latent", {1, size, size, 4}), dtype_)});
    }

    void add_text(const std::string& name) {
        const Hollow hollow(name, dtype_);
        Weights weights = hollow.weights(device_);
        const ClipText model(weights, take(parse_clip_text_config(hollow.config())));
        const auto states = model(input("ids", {1, 77}, DType::i32));
        add({states[states.size() - 2],
             model.pooled(states.back(), input("end", {1}, DType::i32))});
    }

    std::map<std::string, Launch> pipelines;
    std::vector<LaunchNote> notes;   // one a launch

private:
    void add(const std::vector<Tensor>& outputs) {
        Program program = lower(caps_, {}, fuse(outputs));
        for (const LaunchOrigin& origin : program.origins) notes.push_back(origin.note);
        for (Launch& launch : program.launches) {
            std::string name(launch.source->name);
            name.append(" ").append(launch.source->variant).append(" ");
            for (size_t i = 0; i < launch.constants.size(); i++)
                name.append(i ? "," : "").append(std::to_string(launch.constants[i]));
            for (size_t i = 0; i < launch.operands.size(); i++)
                if (launch.source->bindings[i].texel)
                    name.append(i ? "" : " ").append(name_of(launch.operands[i].dtype));
            if (launch.subgroup_size) name.append(" of ") += std::to_string(launch.subgroup_size);
            pipelines.try_emplace(std::move(name), std::move(launch));
        }
    }

    std::shared_ptr<Device> device_;
    const Caps& caps_;
    DType dtype_;
};

}   // namespace

std::map<std::string, Launch> network_pipelines(const std::shared_ptr<Device>& device,
                                                const Caps& caps) {
    std::map<std::string, Launch> all;
    for (DType dtype : {DType::f32, DType::f16}) {
        Collector collector(device, caps, dtype);
        for (const char* unet : {"unet_sd15", "unet_sdxl"}) collector.add_unet(unet, {64, 128});
        collector.add_decoder("vae");
        for (const char* text : {"clip_l", "clip_g"}) collector.add_text(text);
        all.merge(collector.pipelines);
    }
    return all;
}

std::vector<LaunchNote> unet_launches(const std::shared_ptr<Device>& device, const Caps& caps,
                                      const std::string& name, int64_t size) {
    Collector collector(device, caps, DType::f16);
    collector.add_unet(name, {size});
    return collector.notes;
}

}   // namespace kiln::test
