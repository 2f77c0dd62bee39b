#include "runtime/io/gguf.h"

#include <algorithm>
#include <cstring>

#include "runtime/io/file.h"
#include "runtime/io/gguf_header.h"
#include "runtime/io/magic.h"

namespace kiln {

static uint64_t aligned(uint64_t value, uint64_t alignment) {
    return (value + alignment - 1) / alignment * alignment;
}

Result<Gguf> Gguf::parse(std::span<const std::byte> bytes, const std::string& where) {
    auto header = parse_gguf_header(bytes, where);
    if (!header) return header.error();
    Gguf file;
    file.path_ = where;
    file.format_ = "GGUF";
    file.tensors_ = std::move(header->tensors);
    file.metadata_ = std::move(header->metadata);
    const size_t start =
        std::min<size_t>(size_t(aligned(header->size, header->alignment)), bytes.size());
    file.data_ = bytes.subspan(start);
    std::stable_sort(file.tensors_.begin(), file.tensors_.end(), [](auto& a, auto& b) {
        return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    size_t position = 0;
    for (const TensorInfo& tensor : file.tensors_) {
        const auto fault = [&](const std::string& why) {
            return Error{Status::bad_file,
                         where + ": tensor " + in_quotes(tensor.name) + ": " + why};
        };
        if (tensor.begin < position)
            return fault("overlaps its neighbour: begins at " + std::to_string(tensor.begin) +
                         ", expected " + std::to_string(position) + " or more");
        if (tensor.end > file.data_.size())
            return fault("truncated: ends at byte " + std::to_string(tensor.end) +
                         " of the data, found " + std::to_string(file.data_.size()));
        position = tensor.end;
    }
    file.index();
    return file;
}

Result<Gguf> Gguf::open(const std::string& path) {
    auto mapped = MappedFile::open(path);
    if (!mapped) return mapped.error();
    auto file = parse(mapped->bytes(), path);
    if (file) file->file_ = std::move(*mapped);
    return file;
}

namespace {

class HeaderText {
public:
    template <class T>
    void number(T value) {
        const auto bytes = std::as_bytes(std::span(&value, 1));
        text_ += as_text(bytes);
    }
    void string(std::string_view text) {
        number<uint64_t>(text.size());
        text_ += text;
    }
    void raw(std::string_view text) { text_ += text; }
    void pad(uint64_t alignment) { text_.resize(size_t(aligned(text_.size(), alignment))); }
    const std::string& text() const { return text_; }

private:
    std::string text_;
};

constexpr uint64_t kAlignment = 32;
constexpr uint32_t kU32 = 4, kString = 8;   // types of metadata

std::string header_text(const std::vector<GgufTensor>& tensors,
                        const std::map<std::string, std::string>& metadata) {
    HeaderText header;
    header.raw("GGUF");
    header.number<uint32_t>(3);
    header.number<uint64_t>(tensors.size());
    header.number<uint64_t>(metadata.size() + 1);
    header.string("general.quantization_version");
    header.number(kU32);
    header.number<uint32_t>(2);
    for (const auto& [key, value] : metadata) {
        header.string(key);
        header.number(kString);
        header.string(value);
    }
    uint64_t offset = 0;
    for (const GgufTensor& tensor : tensors) {
        const GgufType* type = gguf_type(tensor.dtype);
        ensure(type && tensor.shape.rank() <= 4, "a tensor that GGUF can store");
        header.string(tensor.name);
        header.number(uint32_t(tensor.shape.rank()));
        for (int i = tensor.shape.rank() - 1; i >= 0; i--) header.number(uint64_t(tensor.shape[i]));
        header.number(type->number);
        header.number(offset);
        offset = aligned(offset + bytes_of(tensor.dtype, tensor.shape.count()), kAlignment);
    }
    header.pad(kAlignment);
    return header.text();
}

}   // namespace

Result<void> write_gguf(const std::string& path, const std::vector<GgufTensor>& tensors,
                        const std::map<std::string, std::string>& metadata,
                        const std::function<std::vector<std::byte>(size_t)>& bytes) {
    auto file = AtomicFile::create(path);
    if (!file) return file.error();
    if (auto written = file->write(as_bytes(header_text(tensors, metadata))); !written)
        return written;
    for (size_t i = 0; i < tensors.size(); i++) {
        std::vector<std::byte> data = bytes(i);
        ensure(data.size() == bytes_of(tensors[i].dtype, tensors[i].shape.count()),
               "a tensor's bytes fill its shape");
        data.resize(size_t(aligned(data.size(), kAlignment)));
        if (auto written = file->write(data); !written) return written;
    }
    return file->commit();
}

}   // namespace kiln
