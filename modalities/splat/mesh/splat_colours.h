// The colours of splats on a surface, as it is seen from outside.
#pragma once
#include "modalities/splat/mesh/lookup.h"
#include "modalities/splat/mesh/solid.h"

namespace kiln {

class SplatColours {
public:
    // For spots in the box, which has an extent. Splats up to `reach` in front of the surface still
    // belong to it. The splats outlive this; the cloud is theirs.
    SplatColours(const Splats& splats, std::vector<Gaussian> cloud, const Box& box, double reach);

    // Display-referred sRGB as splats are: the splats by the line of sight against the normal,
    // composited from the outside inwards. The same bits however many threads there are.
    std::vector<std::optional<Vec3>> at(std::span<const Spot> spots) const;

private:
    struct Seen;
    void look(const Spot& spot, std::vector<Seen>& seen) const;
    std::optional<Vec3> composite(const Spot& spot, std::vector<Seen>& seen) const;

    const Splats& splats_;
    std::vector<Gaussian> cloud_;
    double reach_;
    Lookup lookup_;
    // Balls around what is seen of each Gaussian, the radius squared: most lines miss most of them.
    std::vector<std::array<float, 4>> around_;
};

}   // namespace kiln
