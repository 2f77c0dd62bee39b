// Sounds that are longer than a window, and loops.
#include "modalities/audio/mel.h"
#include "tests/audio/short_sounds.h"

using namespace kiln;
using namespace kiln::test;

TEST_CASE("a longer sound is made in windows that overlap", "[gpu]") {
    AudioRequest r = short_request();
    r.seconds = 1;   // 25 latents
    r.window = 0;
    const auto whole = samples_of(r);
    r.window = 0.32;   // 8 latents
    const auto windows = samples_of(r);
    CHECK(whole.size() == windows.size());
    CHECK(largest_difference(whole, windows) > 1e-3);
    r.window = 5;   // nothing to divide
    CHECK(largest_difference(whole, samples_of(r)) == 0);
}

// How much the spectrum changes where the end of a sound meets its beginning, beside how much it
// changes within: the median.
static double seam_of(const std::vector<float>& x) {
    std::vector<float> twice = x;
    twice.insert(twice.end(), x.begin(), x.end());
    const MelOptions o{.n_fft = 512, .hop = 64, .window = 512, .bands = 40, .padding = 256};
    const Mel mel = take(mel_spectrogram(test_device(), twice, o));
    std::vector<double> changes;   // the largest of ten frames each
    for (int64_t i = 10; i + 10 < mel.frames; i += 10) {
        double most = 0;
        for (int64_t f = i; f < i + 10; f++) {
            double sum = 0;
            for (int64_t k = 0; k < mel.bands; k++)
                sum += std::abs(mel.values[size_t((f + 1) * mel.bands + k)] -
                                mel.values[size_t(f * mel.bands + k)]);
            most = std::max(most, sum);
        }
        changes.push_back(most);
    }
    const size_t at = size_t((int64_t(x.size()) / o.hop - 10) / 10);
    const double seam = std::max(changes[at], changes[at - 1]);
    std::sort(changes.begin(), changes.end());
    return seam / changes[changes.size() / 2];
}

TEST_CASE("a loop has the length of whole latents, and its end goes over into its beginning",
          "[gpu]") {
    AudioRequest r = short_request();
    double loops = 0, lines = 0;
    for (r.seed = 1; r.seed <= 4; r.seed++) {
        r.seconds = 0.99;   // 24.75 latents of 640 samples
        r.loop = true;
        const auto loop = samples_of(r);
        REQUIRE(loop.size() == 25 * 640);
        r.loop = false;
        r.seconds = 1;
        const auto line = samples_of(r);
        REQUIRE(line.size() == 25 * 640);
        loops += seam_of(loop) / 4, lines += seam_of(line) / 4;
        UNSCOPED_INFO(r.seed << ": " << seam_of(loop) << " " << seam_of(line));
    }
    CHECK(loops < 1.2);
    CHECK(lines > 1.2);
}
