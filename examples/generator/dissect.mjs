// Which unit of a generator draws which stroke? node examples/generator/dissect.mjs [folder for the pictures]
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  dissect,
  encodePng,
  enlarge,
  heatmap,
  heatmapImage,
  loadModel,
  maximizeActivation,
  overlay,
  saliency,
  sideBySide,
  Tensor,
  unitEffects,
} from "seethrough";

const [folder = "."] = process.argv.slice(2);
const model = await loadModel(await readFile(new URL("seven-segments.onnx", import.meta.url)));
const layer = "strokes";

// The generator's latent: ten numbers, one per digit.
const code = (digit) =>
  new Tensor(
    Float32Array.from({ length: 10 }, (_, i) => Number(i === digit)),
    [1, 1, 1, 10],
  );
const codes = Array.from({ length: 10 }, (_, digit) => code(digit));
const [, height, width] = model.output.shape;
const picture = ({ data }) =>
  enlarge(
    heatmapImage({ data: data.map((ink) => (ink + 1) / 2), width, height, signed: false }, { colormap: "greys" }),
    80,
  );

// 1. A region of the picture: the middle bar. Which unit is active there, and which one is it lost without?
const middle = Uint8Array.from({ length: height * width }, (_, pixel) => {
  const [y, x] = [Math.floor(pixel / width), pixel % width];
  return Number(y >= 12 && y < 16 && x >= 4 && x < 14);
});
const target = { mask: middle, channel: 0 };
const { units } = await dissect(model, codes, { layer, region: middle, quantile: 0.05 });
const effects = await unitEffects(model, codes, { layer, target });
console.log("unit  agreement  effect on the middle bar");
for (const { unit, iou } of units) {
  const { drop } = effects.units.find((effect) => effect.unit === unit);
  console.log(`${unit}     ${iou.toFixed(2)}       ${drop.toFixed(2)}`);
}
const [{ unit }] = units;

// 2. Every digit as it is, without that unit, and with the unit raised at the places of the middle bar.
const { activations } = await model.run(code(8), { capture: [layer] });
const [, rows, columns, count] = activations.get(layer).shape;
const bar = Uint8Array.from({ length: rows * columns }, (_, place) =>
  Number(activations.get(layer).data[place * count + unit] > 0),
);
const versions = [[], [{ layer, units: unit }], [{ layer, units: unit, mask: bar, value: 0.8 }]];
const drawn = [];
for (const intervene of versions) {
  for (const latent of codes) drawn.push(picture((await model.run(latent, { intervene })).output));
}
await writeFile(join(folder, "generator-edits.png"), await encodePng(sideBySide(drawn, { columns: 10, gap: 6 })));

// 3. What each unit draws: its map over an 8 with a dot, which a little of an odd digit adds.
const all = code(8);
all.data[1] = 0.6;
const lit = await model.run(all, { capture: [layer] });
const maps = Array.from({ length: count }, (_, k) => {
  const map = Float32Array.from(
    { length: rows * columns },
    (_, place) => lit.activations.get(layer).data[place * count + k],
  );
  const values = new Tensor(map, [1, rows, columns, 1]);
  return overlay(picture(lit.output), heatmap({ method: "unit", values, inputSize: { width, height } }), {
    opacity: 1,
  });
});
await writeFile(join(folder, "generator-units.png"), await encodePng(sideBySide(maps, { columns: count, gap: 8 })));

// 4. The latent explained: which digits have a middle bar? And climbed: a code that lights it.
const faint = new Tensor(new Float32Array(10).fill(0.05), [1, 1, 1, 10]);
const { values } = await saliency(model, faint, { target });
const users = [...values.data.keys()].filter((digit) => values.data[digit] > values.data[8] / 2);
console.log(`digits whose code lights the middle bar: ${users.join(", ")}`);
const ascent = await maximizeActivation(model, { target, start: faint, steps: 20, stepSize: 0.2 });
console.log(`its brightness climbs from ${ascent.objective[0].toFixed(2)} to ${ascent.target.score.toFixed(2)}`);
