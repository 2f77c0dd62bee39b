#include "modalities/splat/distillation/view_words.h"

#include <cmath>

namespace kiln {
namespace {

std::string said(const std::string& words, const std::string& prompt) {
    const size_t at = words.find('%');
    return at == std::string::npos ? words : words.substr(0, at) + prompt + words.substr(at + 1);
}

// a exp(-b x) + c, the form of all weights of Perp-Neg's code.
struct Decay {
    double a, b, c;
    double operator()(double x) const { return a * std::exp(-b * x) + c; }
};
constexpr Decay kFrontSide{4, 0.5, -2.426}, kSideFront{4, 0.5, -2.426}, kSideBack{1, 0.5, -0.606},
    kFrontBack{1, 0.5, 0.967};

}   // namespace

double nearer_share(double azimuth) {
    const double quarter = std::abs(std::remainder(azimuth, 360)) / 90;
    return quarter <= 1 ? 1 - quarter : 2 - quarter;
}

Result<ViewTexts> ViewTexts::embed(Prior& prior, const std::string& prompt,
                                   const std::optional<std::string>& negative,
                                   const ViewTextOptions& options) {
    ViewTexts texts;
    texts.options_ = options;
    struct Wanted {
        PromptEmbedding* to;
        std::optional<std::string> text;
    };
    const ViewWords& w = options.words;
    for (const Wanted& wanted : {Wanted{&texts.front_, said(w.front, prompt)},
                                 {&texts.left_, said(w.left, prompt)},
                                 {&texts.right_, said(w.right, prompt)},
                                 {&texts.back_, said(w.back, prompt)},
                                 {&texts.overhead_, said(w.overhead, prompt)},
                                 {&texts.unconditional_, negative}}) {
        auto embedding = prior.embed(wanted.text);
        if (!embedding) return embedding.error();
        *wanted.to = std::move(*embedding);
    }
    return texts;
}

ViewText ViewTexts::operator()(const Orbit& orbit, PromptEmbedding& mixed) const {
    if (orbit.elevation >= options_.overhead_from) return {&overhead_, &unconditional_, {}};
    const double azimuth = std::remainder(orbit.azimuth, 360), r = nearer_share(azimuth);
    const bool before = std::abs(azimuth) <= 90;
    const PromptEmbedding& side = azimuth < 0 ? right_ : left_;
    const PromptEmbedding &near = before ? front_ : side, &far = before ? side : back_;
    mixed.resize(near.size());
    for (size_t k = 0; k < near.size(); k++)
        mixed[k] = float(r * double(near[k]) + (1 - r) * double(far[k]));
    ViewText text{&mixed, &unconditional_, {}};
    if (options_.repel == 0) return text;
    const auto avoid = [&](const PromptEmbedding& what, double weight) {
        text.avoided.push_back({&what, -options_.repel * weight});
    };
    if (before) {
        avoid(front_, kFrontSide(r)), avoid(side, kSideFront(1 - r));
    } else {
        avoid(side, kSideBack(r)), avoid(front_, kFrontBack(r));
    }
    return text;
}

}   // namespace kiln
