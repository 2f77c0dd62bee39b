#include "runtime/vk/tuning.h"

namespace kiln {

static std::string_view operator_of(std::string_view variant) {
    return variant.substr(0, variant.find('.') + 1);
}

Tuning Tuning::only(std::string_view variant) {
    Tuning tuning;
    tuning.only_ = variant;
    return tuning;
}

double Tuning::speed(std::string_view variant, double guess) const {
    if (asked_) asked_->insert_or_assign(std::string(variant), guess);
    if (!only_.empty() && operator_of(variant) == operator_of(only_) && !variant.starts_with(only_))
        return 0;
    auto found = measured_.find(variant);
    return found == measured_.end() ? guess : found->second.speed;
}

void Tuning::set(std::string_view variant, Measured measured) {
    measured_.insert_or_assign(std::string(variant), std::move(measured));
}

}   // namespace kiln
