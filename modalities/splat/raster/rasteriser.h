// Draws Gaussian splats on the device, and differentiates what it drew.
// Source: Kerbl, Kopanas, Leimkuehler, Drettakis. 3D Gaussian Splatting for Real-Time Radiance
// Field Rendering. 2023, sections 4 to 6.
//
// A splat that is nearer than 0.01, fainter than 1/255, outside the picture, not finite or beyond
// 1e18 is not drawn and has no gradient. Each pixel composites its splats by the depth of their
// means; a splat's alpha is at most 0.99 and what is below 1/255 counts as nothing; a ray ends
// before its transmittance falls below 1e-4. Two runs give the same bits, gradients included unless
// they are added up by atomics.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "modalities/splat/camera.h"
#include "modalities/splat/raster/sections.h"
#include "modalities/splat/splats.h"
#include "runtime/vk/device.h"

namespace kiln {

// How gradients of a splat are summed over its tiles: each pair of both has a place of its own, and
// the places are gathered in one order; or by atomic additions, whose order is the moment's, where
// the device has them (Caps::float_atomics), else gathered.
enum class Summation : uint8_t { gather, atomics };

struct RasterOptions {
    int width = 0, height = 0;
    uint32_t splats = 0;   // at most so many
    int sh_degree = 0;
    bool antialiased = true;   // opacity compensated for the low-pass filter (Mip-Splatting)
    float low_pass = 0.3f;     // square pixels added to what a splat covers
    uint32_t pairs = 0;        // of a tile and a splat, to begin with; 0: a guess
    int lanes = 0;             // a tile: 32, or 8, for CPU drivers with vectors of
                               // eight; 0: as the device is
    Summation summation = Summation::gather;
    uint32_t pairs_at_once = 0;   // whose gradients are kept until they are gathered; more go in
                                  // parts; 0: as many as a kernel can bind
    bool timed = false;           // keep what times() tells
    Buffer parameters = {};       // draws these, which others may draw too; else makes its own
};

struct View {
    Camera camera;
    std::array<float, 3> background{};   // r g b
    int sh_degree = kMaxShDegree;        // harmonics beyond are left out, as if they were 0
};

// What a pixel of a picture holds: f32 [height, width, 8].
enum class Channel : uint8_t { red, green, blue, alpha, depth, normal_x, normal_y, normal_z };
inline constexpr size_t kChannels = 8;

class Rasteriser {
public:
    // Status::usage for sizes that cannot be drawn: no pixel, or more than 65535 tiles of 16 x 16;
    // and for given parameters that do not hold sections() for as many splats.
    static Result<Rasteriser> create(std::shared_ptr<Device> device, const RasterOptions& options);
    Rasteriser(Rasteriser&&) noexcept;
    Rasteriser& operator=(Rasteriser&&) noexcept;
    ~Rasteriser();

    // Harmonics beyond the degree here are dropped, those missing are 0.
    Result<void> write(const Splats& splats);
    Result<Splats> read() const;   // what parameters() holds, of the degree here
    // For whoever changes parameters() on the device: how many of them are splats.
    void set_count(uint32_t count);
    uint32_t count() const;

    // Draws into image(). Lists that turn out too short grow and the picture is drawn again;
    // Status::out_of_memory when the device has no more.
    Result<void> draw(const View& view);
    // Read what was drawn last. Depth and normal are sums weighted as the colours are, without
    // background: divide by alpha. Normals are the shortest axes, in the world, facing the camera.
    Result<std::vector<float>> read_image() const;

    // The gradients of a loss by the parameters and the camera, given those by the picture drawn
    // last, as many as its values. Decisions (what is skipped, clamped or behind what) are taken as
    // constant. Splats that were not drawn have zeros.
    Result<void> differentiate(std::span<const float> slopes);
    Result<void> differentiate();   // of what slopes() holds
    struct Gradient {
        std::vector<float> parameters;   // as sections() says, then screen()
        std::array<float, 9> rotation;   // by each entry, as if they were free
        std::array<float, 3> translation;
    };
    Result<Gradient> read_gradient() const;

    Buffer parameters() const;   // f32, as sections() says
    Result<Buffer> slopes();     // f32 as image(), which differentiate() reads
    Buffer gradient() const;     // f32, as Gradient::parameters; empty before differentiate()
    Buffer image() const;        // f32 [height, width, 8]
    SplatSections sections() const;
    uint32_t pairs() const;        // of the last draw()
    uint64_t sums_bytes() const;   // memory for sums of gradients, since differentiate()
    struct Timing {
        std::string_view kernel;
        double milliseconds;
    };
    std::vector<Timing> times()
        const;   // of the last draw(), and differentiate() after it, if timed

private:
    struct State;
    explicit Rasteriser(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
