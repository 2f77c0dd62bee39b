// The ball that an object is seen in, as modalities/splat/assets/ball.cpp finds it: [x, y, z, ...]
// in, { center: [x, y, z], radius } out.

const STRAY = 0.5, FEW = 0.001;   // of the longest side; of all

const quantile = (sorted, share) => sorted[Math.round((sorted.length - 1) * share)] ?? 0;

function column(places, axis) {
  return Float64Array.from({ length: places.length / 3 }, (_, i) => places[i * 3 + axis]);
}

// Of all, or, where more than a few lie far outside of the others, of all but the outermost
// hundredth in each direction: captured scenes have splats anywhere.
export function ballOfSplats(places, sizes) {
  const n = sizes.length, axes = [0, 1, 2];
  if (n === 0) return { center: [0, 0, 0], radius: 1 };
  const low = [], high = [];
  for (const a of axes) {
    const sorted = column(places, a).sort();
    low.push(quantile(sorted, 0.01)), high.push(quantile(sorted, 0.99));
  }
  const longest = Math.max(...axes.map((a) => high[a] - low[a]));
  const inside = (i) => axes.every((a) => places[i * 3 + a] >= low[a] - STRAY * longest &&
    places[i * 3 + a] <= high[a] + STRAY * longest);
  const kept = [];
  for (let i = 0; i < n; i++) if (inside(i)) kept.push(i);
  const whole = n - kept.length <= n * FEW;
  const [from, to] = [[...low], [...high]];
  if (whole)
    for (const i of kept)
      for (const a of axes) {
        from[a] = Math.min(from[a], places[i * 3 + a]);
        to[a] = Math.max(to[a], places[i * 3 + a]);
      }
  const center = axes.map((a) => (from[a] + to[a]) / 2);
  const away = (i) => Math.hypot(...axes.map((a) => places[i * 3 + a] - center[a]));
  let radius = quantile(Float64Array.from(sizes, (s, i) => away(i) + s).sort(), 0.99);
  if (whole)
    for (const i of kept)
      radius = Math.max(radius, away(i) + Math.min(sizes[i], longest / 10));
  return { center, radius: radius > 0 ? radius : 1 };
}

export function ballOfPoints(places) {
  const axes = [0, 1, 2], from = [Infinity, Infinity, Infinity], to = from.map((v) => -v);
  for (let i = 0; i < places.length; i++) {
    from[i % 3] = Math.min(from[i % 3], places[i]), to[i % 3] = Math.max(to[i % 3], places[i]);
  }
  const center = axes.map((a) => (from[a] + to[a]) / 2);
  let radius = 0;
  for (let i = 0; i < places.length; i += 3)
    radius = Math.max(radius, Math.hypot(...axes.map((a) => places[i + a] - center[a])));
  return { center, radius: radius > 0 ? radius : 1 };
}
