#include "plugins/audio/ranking.h"

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

Result<std::vector<RankedTake>> Shortlist::ranked(const AudioEvents& events) {
    if (target_.empty()) {
        auto target = ranking_.like ? clap_.embed(*ranking_.like, events.cancelled)
                                    : clap_.embed(prompt_, events.cancelled);
        if (!target) return target.error();
        target_ = *std::move(target);
    }
    return rank(clap_, target_, group_, events);
}

void Shortlist::add(std::vector<AudioTake> takes, const AudioEvents& events) {
    for (AudioTake& each : takes) {
        group_.push_back(std::move(each));
        if (int(group_.size()) < ranking_.candidates) continue;
        auto all = ranked(events);
        if (!all && all.error().status == Status::out_of_memory) {
            clap_.release();
            make_room_();
            all = ranked(events);
        }
        best_.push_back(std::move(take(std::move(all)).front()));
        group_.clear();
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
