#include "runtime/graph/order.h"

#include <unordered_set>

#include "runtime/graph/node.h"

namespace kiln {

std::vector<Tensor> topological_order(const std::vector<Tensor>& outputs) {
    std::vector<Tensor> order;
    std::unordered_set<const void*> seen;
    struct Visit {
        Tensor tensor;
        size_t next = 0;
    };
    std::vector<Visit> stack;
    for (const Tensor& output : outputs) {
        if (seen.insert(output.id()).second) stack.push_back({output});
        while (!stack.empty()) {
            auto& [tensor, next] = stack.back();
            const Node* node = tensor.value().node.get();
            if (!node || next == node->inputs.size()) {
                order.push_back(tensor);
                stack.pop_back();
                continue;
            }
            Tensor input = node->inputs[next++];
            if (input && seen.insert(input.id()).second) stack.push_back({input});
        }
    }
    return order;
}

std::unordered_map<const void*, int> count_users(const std::vector<Tensor>& order) {
    std::unordered_map<const void*, int> users;
    for (const Tensor& t : order)
        if (const Node* node = t.value().node.get())
            for (const Tensor& input : node->inputs)
                if (input) users[input.id()]++;
    return users;
}

}   // namespace kiln
