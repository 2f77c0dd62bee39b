// Winograd's convolutions, over a plane and along a line: what tells one from the other. The rest,
// which they share, is winograd.cpp. Within runtime/ops only.
// Lavin and Gray. Fast Algorithms for Convolutional Neural Networks. 2016.
#pragma once
#include "runtime/ops/product_variants.h"

namespace kiln {

constexpr int64_t kWinogradTile = 4;   // results along each axis

// How the tiles of the results lie, and what each depends on.
struct WinogradTiles {
    int64_t lines = 1, tiles = 1;   // tiles in each line
    int64_t parts = 1;              // of the taps, each a filter that reads whole tiles further on

    int64_t read(int64_t some) const { return some + parts - 1; }   // tiles that `some` depend on
};

// Some tiles of every line, and some of the result's columns, as one set of launches.
struct WinogradBand {
    Lowering& lowering;
    const Product& p;
    const WinogradTiles& all;
    int64_t first = 0, tiles = 0;
    int64_t column = 0, columns = 0;

    uint32_t local() const;   // invocations of a workgroup
    Grid grid(int64_t items) const { return {div_up(items, local()), 1, 1}; }
};

struct WinogradFilter {
    std::string_view name;   // as Tuning knows it
    int64_t products;        // of a tile
    double least;            // multiplications of a convolution that are worth two launches more
    bool (*fits)(const Product&);   // beyond what all ask for
    WinogradTiles (*tiles)(const Product&);
    int64_t (*chunk)(const Product&);   // rows that statistics of D are over; 0: it makes none
    // The transforms: of B into u, of A into v, of the products m into D.
    void (*weights)(const WinogradBand&, const Operand& u);
    void (*inputs)(const WinogradBand&, const Operand& v);
    void (*outputs)(const WinogradBand&, const Operand& m);
};

extern const WinogradFilter kWinogradPlane, kWinogradLine;

}   // namespace kiln
