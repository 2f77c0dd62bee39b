#include "runtime/graph/node.h"

#include "runtime/base/check.h"

namespace kiln {

// "a.b.conv.weight" -> "a.b.conv": the module that the parameter belongs to.
static std::string module_of(const std::string& path) {
    return path.substr(0, path.find_last_of('.'));
}

static std::string path_of(const std::vector<Tensor>& tensors) {
    for (const Tensor& t : tensors)
        if (t && t.kind() == Tensor::Kind::parameter && !t.path().empty())
            return module_of(t.path());
    for (const Tensor& t : tensors)
        if (t && !t.path().empty()) return t.path();
    return {};
}

Tensor compute(std::shared_ptr<const Op> op, std::vector<Tensor> inputs, Shape shape, DType dtype) {
    for (int64_t extent : shape) ensure(extent > 0, "extents of a computed tensor are positive");
    std::string path = path_of(inputs);
    auto node = std::make_shared<Node>(Node{std::move(op), std::move(inputs)});
    return Tensor({.kind = Tensor::Kind::computed,
                   .dtype = dtype,
                   .shape = std::move(shape),
                   .path = std::move(path),
                   .node = std::move(node)});
}

void model_error(std::string_view op, std::string_view fact, const std::vector<Tensor>& about) {
    std::string message = "[" + std::string(op) + "] " + std::string(fact);
    const char* separator = ": ";
    for (const Tensor& t : about) {
        message += separator + (t ? to_string(t.shape()) : std::string("absent"));
        separator = ", ";
    }
    std::string path = path_of(about);
    throw ModelError(path.empty() ? message : message + " (" + path + ")");
}

}   // namespace kiln
