// Explains a strip of heart beats with a 1-D network: node examples/signal/explain.mjs [number of the strip]
import { readFile, writeFile } from "node:fs/promises";
import { heatmap, integratedGradients, loadModel, occlusion, signalPlot, Tensor } from "seethrough";

const [number = "1"] = process.argv.slice(2);
const { sampleRate, unit, strips } = JSON.parse(await readFile("examples/signal/beats.json", "utf8"));
const strip = strips[Number(number)];
if (!strip) throw new Error(`There are strips 0 to ${strips.length - 1}, got ${number}.`);

const model = await loadModel("examples/signal/beats.onnx");
const signal = new Tensor(Float32Array.from(strip.values), [1, 1, strip.values.length]);
const [best] = await model.predict(signal, { top: 1 });
console.log(`${best.label}, ${(best.probability * 100).toFixed(1)} % (made as: ${strip.label})`);

/** How much of what speaks for the answer lies where the abnormality was made. */
const inside = (t) => strip.truth.some(([first, end]) => t >= first && t < end);
const share = (values) => {
  const [all, hit] = values.reduce(
    ([a, h], v, t) => [a + Math.max(v, 0), h + (inside(t) ? Math.max(v, 0) : 0)],
    [0, 0],
  );
  return `${Math.round((100 * hit) / all)} %`;
};
const covered = strip.values.filter((_, t) => inside(t)).length / strip.values.length;

const options = { target: best.index };
const maps = {
  "integrated-gradients": await integratedGradients(model, signal, options),
  // A patch of 0.12 seconds that shows the blurred signal, every 0.03 seconds.
  occlusion: await occlusion(model, signal, { ...options, window: 12, stride: 3, value: "blur" }),
};
for (const [method, attribution] of Object.entries(maps)) {
  const map = heatmap(attribution, { smooth: method === "occlusion" ? 0 : 2 });
  const svg = signalPlot(signal, map, {
    title: `What speaks for "${best.label}": ${method}`,
    ...{ sampleRate, channelNames: [unit], marks: strip.truth, markLabel: "where it was made abnormal" },
  });
  await writeFile(`signal-${method}.svg`, svg);
  const found =
    strip.truth.length > 0 ? `, ${share(map.data)} of it in the ${Math.round(100 * covered)} % made abnormal` : "";
  console.log(`signal-${method}.svg${found}`);
}
