// Several candidates for each sound, of which the one stays that CLAP finds closest to the prompt.
#pragma once
#include "modalities/audio/rank.h"
#include "plugins/audio/request.h"

namespace kiln::audio_plugin {

// What a request asks for by "candidates", "ranking_model" and "like".
struct Ranking {
    int candidates = 1;          // made for each sound
    std::string clap;            // folder of the CLAP model
    std::optional<Sound> like;   // what they are to be close to; none: the prompt
};

// Nothing where the request wants none of it. For a model that brings no CLAP, and where the
// request names none, a ResultError (Status::usage).
std::optional<Ranking> ranking_of(const Json& request, const sdk::Request& blobs,
                                  const std::string& model);

// The best of the candidates for each sound, which follow one another by their seeds.
class Shortlist {
public:
    // `make_room` gives back the device memory of everything else, if CLAP finds too little.
    Shortlist(Clap& clap, Ranking ranking, std::string prompt, std::function<void()> make_room)
        : clap_(clap),
          ranking_(std::move(ranking)),
          prompt_(std::move(prompt)),
          make_room_(std::move(make_room)) {}

    // Throws a ResultError. Leaves no device memory to CLAP, so that the next takes find it free.
    void add(std::vector<AudioTake> takes, const AudioEvents& events);
    std::vector<RankedTake> best() &&;   // the closest first

private:
    Result<std::vector<RankedTake>> ranked(const AudioEvents& events);

    Clap& clap_;
    Ranking ranking_;
    std::string prompt_;
    std::function<void()> make_room_;
    std::vector<float> target_;
    std::vector<AudioTake> group_;   // of the sound that is being made
    std::vector<RankedTake> best_;
};

// The request as it makes this take again, with what is known of it.
Json ranked_metadata(Json request, const RankedTake& take);

}   // namespace kiln::audio_plugin
