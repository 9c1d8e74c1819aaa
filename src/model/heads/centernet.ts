import { type Decoder, type DecoderRequest, fromCentre, type HeadFamily, type HeadOutput, joinedParts } from "./family";

const sizeWords = /wh|size|dim/i;
const offsetWords = /reg|off/i;
const heatWords = /hm|heat|cls|class|score/i;

/**
 * CenterNet: heat maps `[1, C, h, w]` beside sizes `[1, 2, h, w]` and offsets `[1, 2, h, w]` in places of the map. Zhou et al. 2019,
 * https://arxiv.org/abs/1904.07850, section 4. Its peaks are suppressed here like other doubles, by their boxes.
 */
export const centernet: HeadFamily = {
  name: "centernet",
  recognise({ outputs, picture: [height] }) {
    const maps = outputs.filter(({ shape }) => shape.length === 4 && shape[0] === 1 && height >= 2 * shape[2]);
    // Two classes are as many channels as the others have.
    const isHeat = (output: HeadOutput): boolean =>
      heatWords.test(output.name) || joinedParts(output.parts(1))[0].finish === "sigmoid";
    for (const heat of [...maps].sort((a, b) => Number(isHeat(b)) - Number(isHeat(a)))) {
      const pairs = maps.filter(
        (each) =>
          each !== heat && each.shape[1] === 2 && each.shape[2] === heat.shape[2] && each.shape[3] === heat.shape[3],
      );
      if (pairs.length !== 2) continue;
      // Without a name that says it, heat, sizes and offsets follow one another, as the authors' code writes them.
      const inOrder = [heat, ...pairs].every(
        (each, i, all) => i === 0 || maps.indexOf(each) > maps.indexOf(all[i - 1]),
      );
      const named = pairs.find(({ name }) => sizeWords.test(name));
      const other = pairs.find(({ name }) => offsetWords.test(name));
      const sizes = named ?? pairs.find((each) => other && each !== other) ?? (inOrder ? pairs[0] : undefined);
      const offsets = pairs.find((each) => each !== sizes);
      if (!sizes || !offsets) return undefined;
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
