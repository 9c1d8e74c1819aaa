/** Boxes of real detectors against a plain decoding of what onnxruntime returns for the same input. */
import { expect, it } from "vitest";
import { type Detection, decodeImage, detect, loadModel, type Preprocess, placement } from "../../src/index";
import { describeShared, readShared } from "../shared-folder";
import {
  bestOf,
  centred,
  cornersOf,
  iou,
  outputsOf,
  type PlainBox,
  type PlainOutput,
  sigmoid,
  suppressed,
} from "./reference";

type Decode = (outputs: Record<string, PlainOutput>, size: { width: number; height: number }) => PlainBox[];

/** utils/tool.py of FastestDet, one place at a time. */
const fastestDet: Decode = ({ "758": { data, dims } }, { width, height }) => {
  const [, channels, rows, columns] = dims;
  const at = (channel: number, y: number, x: number): number => data[(channel * rows + y) * columns + x];
  const boxes: PlainBox[] = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const best = bestOf(Array.from({ length: channels - 5 }, (_, i) => at(5 + i, y, x)));
      const [cx, cy] = [(Math.tanh(at(1, y, x)) + x) / columns, (Math.tanh(at(2, y, x)) + y) / rows];
      const [w, h] = [sigmoid(at(3, y, x)), sigmoid(at(4, y, x))];
      const score = at(0, y, x) ** 0.6 * best.score ** 0.4;
      boxes.push({ box: centred(cx * width, cy * height, w * width, h * height), index: best.index, score });
    }
  }
  return boxes;
};

/** The second score of each row beside corners as shares of the picture. */
const faces: Decode = ({ scores, boxes }, { width, height }) =>
  Array.from({ length: scores.dims[1] }, (_, row) => {
    const [l, t, r, b] = boxes.data.slice(4 * row, 4 * row + 4);
    return { box: [l * width, t * height, r * width, b * height], index: 1, score: scores.data[2 * row + 1] };
  });

/** vision/utils/box_utils.py of the same: priors, then offsets from them. */
const facesByPriors: Decode = ({ scores, boxes }, { width, height }) => {
  const found: PlainBox[] = [];
  const minimal = [
    [10, 16, 24],
    [32, 48],
    [64, 96],
    [128, 192, 256],
  ];
  const clamp = (x: number): number => Math.min(Math.max(x, 0), 1);
  let row = 0;
  for (const [level, shrink] of [8, 16, 32, 64].entries()) {
    for (let y = 0; y < Math.ceil(height / shrink); y++) {
      for (let x = 0; x < Math.ceil(width / shrink); x++) {
        for (const size of minimal[level]) {
          const [px, py] = [clamp((x + 0.5) / (width / shrink)), clamp((y + 0.5) / (height / shrink))];
          const [pw, ph] = [clamp(size / width), clamp(size / height)];
          const [a, b, c, d] = boxes.data.slice(4 * row, 4 * row + 4);
          const box = centred(
            (a * 0.1 * pw + px) * width,
            (b * 0.1 * ph + py) * height,
            Math.exp(c * 0.2) * pw * width,
            Math.exp(d * 0.2) * ph * height,
          );
          found.push({ box, index: 1, score: scores.data[2 * row + 1] });
          row++;
        }
      }
    }
  }
  return found;
};

/** Centre, size, objectness, classes. */
const yoloRows: Decode = ({ "722": { data, dims } }) =>
  Array.from({ length: dims[1] }, (_, row) => {
    const [x, y, w, h, object, ...classes] = data.slice(row * dims[2], (row + 1) * dims[2]);
    const { index, score } = bestOf(classes);
    return { box: centred(x, y, w, h), index, score: object * score };
  });

function expectSame(found: readonly Detection[], plain: readonly PlainBox[]): void {
  expect(found).toHaveLength(plain.length);
  for (const [i, box] of found.entries()) {
    expect(box.index).toBe(plain[i].index);
    expect(Math.abs(box.score - plain[i].score)).toBeLessThan(1e-4);
    expect(iou(cornersOf(box), plain[i].box)).toBeGreaterThan(0.999);
  }
}

const faceValues: Preprocess = { range: [0, 255], mean: 127, std: 128 };

describeShared("real detectors", () => {
  const files: Record<
    string,
    { family: string; file: string; decode: Decode; preprocess: Preprocess; threshold: number; least: number }
  > = {
    FastestDet: {
      family: "fastest-det",
      file: "models/deployed/FastestDet.onnx",
      decode: fastestDet,
      preprocess: { channels: "bgr" },
      threshold: 0.4,
      least: 4,
    },
    "UltraFace, decoded": {
      family: "ssd",
      file: "models/deployed/version-RFB-320.onnx",
      decode: faces,
      preprocess: faceValues,
      threshold: 0.6,
      least: 1,
    },
    "UltraFace by priors": {
      family: "ssd",
      file: "models/deployed/version-RFB-320_without_postprocessing.onnx",
      decode: facesByPriors,
      preprocess: faceValues,
      threshold: 0.6,
      least: 1,
    },
  };
  for (const [name, { family, file, decode, preprocess, threshold, least }] of Object.entries(files)) {
    it.each(["crop", "stretch", "pad"] as const)(
      `${name}, %s`,
      async (fit) => {
        const bytes = readShared(file);
        const model = await loadModel(bytes, { preprocess: { ...preprocess, fit } });
        let count = 0;
        for (const photo of ["pets", "dog_over_cat", "coffee", "camera", "retriever"]) {
          const image = await decodeImage(readShared(`images/${photo}.png`));
          const input = model.preprocess(image);
          const [, height, width] = input.shape;
          const all = decode(await outputsOf(bytes, input), { width, height });
          const plain = suppressed(
            all.filter(({ score }) => score >= threshold),
            0.45,
          ).slice(0, 100);
          expectSame(await detect(model, input, { threshold }), plain);
          // The same in the picture's pixels.
          const region = placement(image, { width, height }, fit);
          const [sx, sy] = [region.width / width, region.height / height];
          const moved = plain.map(
            ({ box: [l, t, r, b], ...rest }): PlainBox => ({
              ...rest,
              box: [region.x + l * sx, region.y + t * sy, region.x + r * sx, region.y + b * sy],
            }),
          );
          const found = await detect(model, image, { threshold });
          expectSame(found, moved);
          for (const each of found) expect(each).toMatchObject({ family, placement: { fit } });
          count += found.length;
        }
        expect(count).toBeGreaterThanOrEqual(least);
      },
      60_000,
    );
  }

  it("YOLOv5, every candidate", async () => {
    const bytes = readShared("models/modern/yolov5_detect.onnx");
    const model = await loadModel(bytes);
    const input = model.preprocess(await decodeImage(readShared("images/pets.png")));
    const outputs = await outputsOf(bytes, input);
    const plain = yoloRows(outputs, { width: 128, height: 128 });
    const found = await detect(model, input, { threshold: 0, iou: 1, top: plain.length });
    expect(found).toHaveLength(plain.length);
    expect(new Set(found.map(({ anchor }) => anchor)).size).toBe(plain.length);
    for (const each of found) {
      const row = outputs["722"].data.slice(each.anchor * 85, (each.anchor + 1) * 85);
      expect(each.family).toBe("yolo-v5");
      // Of random weights several classes are as good as the best.
      expect(Math.abs(row[4] * row[5 + each.index] - each.score)).toBeLessThan(1e-4);
      expect(Math.abs(plain[each.anchor].score - each.score)).toBeLessThan(1e-4);
      expect(iou(cornersOf(each), plain[each.anchor].box)).toBeGreaterThan(0.999);
    }
    const some = await detect(model, input, { threshold: 0.2, iou: 0.3, top: 7 });
    expect(some.length).toBeLessThanOrEqual(7);
    for (const [i, a] of some.entries()) {
      for (const b of some.slice(i + 1)) {
        expect(a.score).toBeGreaterThanOrEqual(b.score);
        if (a.index === b.index) expect(iou(cornersOf(a), cornersOf(b))).toBeLessThanOrEqual(0.3);
      }
    }
  });
});
