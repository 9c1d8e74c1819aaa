/** A picture of 96×96 RGBA pixels: a disc with rings on stripes. Whole numbers only, so that every runtime draws the same. */
export function drawScene(size = 96) {
  const data = new Uint8Array(size * size * 4);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [dx, dy] = [3 * x - size, 2 * y - size];
      const distance = dx * dx + dy * dy;
      const inside = distance < size * size;
      const ring = (distance >> 8) % 3;
      const stripe = (x + 2 * y) % 16 < 8;
      const colour = inside ? [220 - 40 * ring, 120 + 30 * ring, 60] : stripe ? [40, 110, 50] : [70, 150, 90];
      const grain = ((x * 73 + y * 151) ^ (x * y)) % 23;
      data.set([colour[0] + grain, colour[1] - grain, colour[2] + grain, 255], (y * size + x) * 4);
    }
  }
  return { data, width: size, height: size };
}
