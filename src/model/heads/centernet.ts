import { type Decoder, type DecoderRequest, fromCentre, type HeadFamily, joinedParts } from "./family";

const sizeWords = /wh|size|dim/i;

/**
 * CenterNet: heat maps `[1, C, h, w]` beside sizes `[1, 2, h, w]` and offsets `[1, 2, h, w]` in places of the map. Zhou et al. 2019,
 * https://arxiv.org/abs/1904.07850, section 4. Its peaks are suppressed here like other doubles, by their boxes.
 */
export const centernet: HeadFamily = {
  name: "centernet",
  recognise({ outputs, picture: [height] }) {
    const maps = outputs.filter(({ shape }) => shape.length === 4 && shape[0] === 1 && height >= 2 * shape[2]);
    for (const heat of maps) {
      const pairs = maps.filter(
        (each) =>
          each !== heat && each.shape[1] === 2 && each.shape[2] === heat.shape[2] && each.shape[3] === heat.shape[3],
      );
      if (pairs.length !== 2) continue;
      // Without a name that says it, sizes come before offsets, as the authors' code writes them.
      const sizes = pairs.find(({ name }) => sizeWords.test(name)) ?? pairs[0];
      const offsets = pairs.find((each) => each !== sizes) ?? pairs[1];
      const [finish] = joinedParts(heat.parts(1));
      return {
        boxes: [offsets.name, sizes.name],
        scores: heat.name,
        layout: "map",
        decode: "centernet",
        classAt: 0,
        classes: heat.shape[1],
        activation: finish.finish === "sigmoid" ? "none" : "sigmoid",
      };
    }
    return undefined;
  },
};

/** Centre (place + offset) · stride, size · stride. */
export function decodeCenternet({ picture: [height, width], map = [1, 1] }: DecoderRequest): Decoder {
  const [rows, columns] = map;
  const [across, down] = [width / columns, height / rows];
  return {
    numbers: 4,
    corners: (box, anchor) =>
      fromCentre(
        ((anchor % columns) + box[0]) * across,
        (Math.floor(anchor / columns) + box[1]) * down,
        box[2] * across,
        box[3] * down,
      ),
  };
}
