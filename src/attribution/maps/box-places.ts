/**
 * The places of a layer's maps that the score of a box is computed from, those with a gradient: it is a function of these alone, so that
 * averages over the map are averages over them, and there is no evidence elsewhere. A place of which all channels end in units that are off
 * (behind a rectifier, or beaten in a pool) has no gradient either, and counts as not seen: as it is, nothing comes from it.
 */

/**
 * @param gradient  of the score at the maps, `[pixels][channels]`
 * @returns undefined where the gradient is zero everywhere
 */
export function placesSeen(gradient: Float32Array, channels: number): readonly number[] | undefined {
  const places: number[] = [];
  for (let pixel = 0; pixel * channels < gradient.length; pixel++) {
    const end = (pixel + 1) * channels;
    let i = pixel * channels;
    while (i < end && gradient[i] === 0) i++;
    if (i < end) places.push(pixel);
  }
  return places.length > 0 ? places : undefined;
}

/** The rows of some places, one behind the other. */
export function rowsAt(data: Float32Array, channels: number, places: readonly number[]): Float32Array {
  const own = new Float32Array(places.length * channels);
  places.forEach((pixel, i) => {
    own.set(data.subarray(pixel * channels, (pixel + 1) * channels), i * channels);
  });
  return own;
}

/** A map of some places as one of all, zero elsewhere. */
export function spread(map: Float32Array, places: readonly number[], pixels: number): Float32Array {
  const all = new Float32Array(pixels);
  places.forEach((pixel, i) => {
    all[pixel] = map[i];
  });
  return all;
}
