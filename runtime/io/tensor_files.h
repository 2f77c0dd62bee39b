// One model's tensors, wherever they lie: one file, several safetensors with an index, or
// a folder.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/io/tensor_file.h"

namespace kiln {

// Which of several stored forms of the same weights to take, best first; "" is the plain form.
// diffusion_pytorch_model.fp16.safetensors is the variant fp16.
inline const std::vector<std::string> kVariants = {"", "fp16", "bf16", "non_ema"};

// Memory-mapped; movable, not copyable; any number of threads may read.
class TensorFiles {
public:
    // A .safetensors or .gguf file; an index (NAME.safetensors.index.json); or a model's folder, as
    // open_folder takes it. Whatever is wrong with any of the files: Status::bad_file.
    static Result<TensorFiles> open(const std::string& path);
    // The weights in a folder: in the first of `variants` that is there, under the names that
    // diffusers and transformers give them, in one file or sharded with an index. Pickled weights
    // alone are refused with the way to convert them.
    static Result<TensorFiles> open_folder(const std::string& folder,
                                           const std::vector<std::string>& variants = kVariants);

    struct Entry {
        const TensorFile* file;
        const TensorInfo* info;
    };
    std::optional<Entry> find(std::string_view name) const;
    const std::map<std::string, Entry, std::less<>>& entries() const {
        return entries_;
    }   // by name

    std::span<const std::byte> bytes(const Entry& entry) const {
        return entry.file->bytes(*entry.info);
    }
    // The first file's metadata, and the path that was opened, for messages.
    const std::map<std::string, std::string>& metadata() const { return files_.front().metadata(); }
    const std::string& path() const { return path_; }
    const std::vector<TensorFile>& files() const { return files_; }

private:
    static Result<TensorFiles> open_index(const std::string& path);
    std::string path_;
    std::vector<TensorFile> files_;
    std::map<std::string, Entry, std::less<>> entries_;
};

}   // namespace kiln
