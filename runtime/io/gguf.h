// The GGUF format: typed metadata, a list of tensors, aligned little-endian data; tensors may be
// quantised in blocks. Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and what
// its reference implementation refuses.
#pragma once
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/io/tensor_file.h"

namespace kiln {

// Versions 2 and 3. The file's dimensions, fastest first, become shapes with the slowest first.
// Everything in the header is checked once: a file that opens has tensors that lie in it without
// overlap, at aligned offsets. Metadata are kept as text; lists of more than eight as their length.
class Gguf : public TensorFile {
public:
    // Any defect is Status::bad_file with the file, the tensor, what was expected and what was
    // found.
    static Result<Gguf> open(const std::string& path);
    // The same checks on bytes in memory, which must outlive the result.
    static Result<Gguf> parse(std::span<const std::byte> bytes, const std::string& where);
};

struct GgufTensor {
    std::string name;
    DType dtype;
    Shape shape;   // slowest axis first, at most four; of block types rows are whole blocks
};

// Writes a file of version 3 that appears whole or not at all, with `metadata` as strings. `bytes`
// is asked once for each tensor, in order, and gives bytes_of(dtype, count) of them.
Result<void> write_gguf(const std::string& path, const std::vector<GgufTensor>& tensors,
                        const std::map<std::string, std::string>& metadata,
                        const std::function<std::vector<std::byte>(size_t)>& bytes);

}   // namespace kiln
