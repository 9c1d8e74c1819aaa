import { type Decoder, type DecoderRequest, fromCentre, type HeadFamily, joinedParts } from "./family";

/** FastestDet: `[1, 5 + C, h, w]`, an objectness, four numbers of a box, the softmax over the classes. */
export const fastestDet: HeadFamily = {
  name: "fastest-det",
  recognise({ outputs }) {
    const output = outputs.find(({ shape, parts }) => {
      if (shape.length !== 4) return false;
      const [object, box, classes, more] = joinedParts(parts(1));
      const isBox = object.finish === "sigmoid" && object.size === 1 && box?.finish === "none" && box.size === 4;
      return isBox && classes?.finish === "softmax" && !more;
    });
    return (
      output && {
        boxes: output.name,
        layout: "map",
        decode: "fastest-det",
        boxAt: 1,
        objectness: 0,
        classAt: 5,
        classes: output.shape[1] - 5,
        powers: [0.6, 0.4],
      }
    );
  },
};

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** (tanh x + place) / side, σ(width): https://github.com/dog-qiuqiu/FastestDet, utils/tool.py, handle_preds. */
export function decodeFastestDet({ picture: [height, width], map = [1, 1] }: DecoderRequest): Decoder {
  const [rows, columns] = map;
  return {
    numbers: 4,
    corners(box, anchor) {
      const x = (Math.tanh(box[0]) + (anchor % columns)) / columns;
      const y = (Math.tanh(box[1]) + Math.floor(anchor / columns)) / rows;
      return fromCentre(x * width, y * height, sigmoid(box[2]) * width, sigmoid(box[3]) * height);
    },
  };
}
