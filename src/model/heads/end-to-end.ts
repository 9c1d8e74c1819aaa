import { type HeadFamily, joinedParts, writtenAs } from "./family";

/** YOLOv10 and others that suppress doubles themselves: `[1, N, 6]`, left, top, right, bottom (of some centre and size), score and the number of the class. */
export const endToEnd: HeadFamily = {
  name: "end-to-end",
  recognise({ outputs, picture }) {
    const output = outputs.find(({ shape }) => shape.length === 3 && shape[0] === 1 && shape[2] === 6);
    if (!output || outputs.some(({ shape }) => shape.length === 3 && shape[2] === 4)) return undefined;
    const [, count] = output.shape;
    // The usual numbers of rows that are kept; otherwise six channels may be anything.
    const isKept = count % 50 === 0 && count * 64 < picture[0] * picture[1];
    // The number of a class is no sigmoid: two of those are objectness and the one class.
    if (joinedParts(output.parts(2)).at(-1)?.finish === "sigmoid") return undefined;
    return isKept
      ? {
          boxes: output.name,
          layout: "rows",
          decode: writtenAs(output, 1) ?? "corners",
          classAt: 4,
          classes: 1,
          classNumber: 5,
          suppressed: true,
        }
      : undefined;
  },
};
