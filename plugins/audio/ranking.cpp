#include "plugins/audio/ranking.h"

#include <utility>

namespace kiln::audio_plugin {

std::optional<Ranking> ranking_of(const Json& r, const sdk::Request& blobs,
                                  const std::string& model) {
    Ranking ranking{r.value("candidates", 1), r.value("ranking_model", std::string()),
                    sound_of(r, "like", blobs)};
    if (ranking.candidates == 1 && ranking.clap.empty() && !ranking.like) return {};
    if (ranking.clap.empty() && brings_clap(model)) ranking.clap = model;
    if (ranking.clap.empty())
        usage(std::string(ranking.like ? "like" : "candidates") +
              ": this model does not bring the CLAP that hears them; name the folder of one with "
              "--ranking-model, such as laion/clap-htsat-unfused");
    return ranking;
}

void Shortlist::add(std::vector<AudioTake> takes, const AudioEvents& events) {
    for (AudioTake& each : takes) {
        group_.push_back(std::move(each));
        if (int(group_.size()) < ranking_.candidates) continue;
        if (target_.empty())
            target_ = take(ranking_.like ? clap_.embed(*ranking_.like, events.cancelled)
                                         : clap_.embed(prompt_, events.cancelled));
        auto ranked = take(rank(clap_, target_, std::exchange(group_, {}), events));
        best_.push_back(std::move(ranked.front()));
    }
    clap_.release();
}

std::vector<RankedTake> Shortlist::best() && {
    sort_by_similarity(best_);
    return std::move(best_);
}

Json ranked_metadata(Json request, const RankedTake& take) {
    request["best_of"] = request.value("candidates", 1);
    request.erase("candidates");   // its seed alone makes it again
    request["similarity"] = take.similarity;
    return request;
}

}   // namespace kiln::audio_plugin
