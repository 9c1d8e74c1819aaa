// Draws the pictures of docs/deconvolution.md with the built package.
import { readFile, writeFile } from "node:fs/promises";
import {
  convolutionOnnx,
  decodeImage,
  deconvolution,
  deconvolutionWalkThrough,
  encodePng,
  enlarge,
  heatmapImage,
  loadModel,
  maxPool,
  maxUnpool,
  poolingPicture,
  sideBySide,
  Tensor,
} from "../dist/index.js";

const folder = "docs/images";
const cell = 30;
const colours = {
  none: "#ffffff",
  plus: "#f4a582",
  minus: "#92c5de",
  even: "#d9f0d3",
  odd: "#e7d4e8",
  value: "#f0f0f0",
};

const text = (x, y, content, size = 13, anchor = "middle", weight = "normal") =>
  `<text x="${x}" y="${y}" font-size="${size}" text-anchor="${anchor}" font-weight="${weight}">${content}</text>`;

/** One row of cells with their numbers. */
const cells = (values, x, y, colour) =>
  values
    .map((value, i) => {
      const left = x + i * cell;
      const shown = String(value).replace("-", "−");
      return (
        `<rect x="${left}" y="${y}" width="${cell}" height="${cell}" fill="${colour(value, i)}" stroke="#999"/>` +
        text(left + cell / 2, y + cell / 2 + 5, shown)
      );
    })
    .join("");
const signed = (value) => (value > 0 ? colours.plus : value < 0 ? colours.minus : colours.none);
const plain = () => colours.value;
const byPhase = (_, i) => (i % 2 === 0 ? colours.even : colours.odd);

const { padded, W, y, back, zeroInsertion, phases, filter } = await deconvolutionWalkThrough();
const left = 230;
const parts = [];
const label = (y0, lines, end = left - 16) =>
  lines.map((line, i) => text(end, y0 + i * 18, line, i === 0 ? 14 : 12, "end", i === 0 ? "bold" : "normal")).join("");

// The convolution: W and what it makes.
parts.push(label(50, ["x", "8 values, 2 + 2 zeros"]), cells(padded, left, 30, plain));
parts.push(label(115, ["W", `rows: filter (${filter.join(", ").replace("-", "−")}),`, "two further right each"]));
for (const [i, row] of W.entries()) parts.push(cells(row, left, 80 + i * cell, signed));
const right = left + padded.length * cell + 60;
parts.push(text(right + cell / 2, 70, "y = W·x", 14, "middle", "bold"));
y.forEach((value, i) => {
  parts.push(cells([value], right, 80 + i * cell, plain));
  parts.push(text(right - 30, 80 + i * cell + 20, "→", 18));
});

// Back, by zero insertion.
const shift = left - cell * 1.5;
parts.push(label(290, ["zeros inserted", "between and around y"], shift - 16));
parts.push(cells(zeroInsertion.inserted, shift, 270, (value) => (value === 0 ? colours.none : colours.value)));
const at = 4;
parts.push(label(335, ["flipped filter", "slides over it"]));
parts.push(cells(zeroInsertion.flipped, shift + at * cell, 312, signed));
parts.push(
  `<path d="M ${shift + (at + 2) * cell} 344 L ${left + (at + 0.5) * cell} 386" stroke="#555" stroke-width="1.5" marker-end="url(#tip)"/>`,
);
parts.push(label(410, ["Wᵀ·y", "twelve values"]), cells(back, left, 390, byPhase));

// Back, by phases.
phases.forEach(({ first, output, taps }, phase) => {
  const top = 470 + phase * 50;
  const terms = taps
    .filter(({ weight }) => weight !== 0)
    .map(({ weight, from }) => `${weight < 0 ? "−" : ""}y[i${from < 0 ? ` − ${-from}` : ""}]`)
    .join(" + ");
  parts.push(label(top + 20, [`phase ${first}`, `${first === 0 ? "even" : "odd"} places: ${terms}`]));
  output.forEach((value, i) => {
    const x = left + (2 * i + first) * cell;
    parts.push(cells([value], x, top, () => (phase === 0 ? colours.even : colours.odd)));
    parts.push(
      `<path d="M ${x + cell / 2} ${top} V 424" stroke="#555" stroke-dasharray="2 3" marker-end="url(#tip)"/>`,
    );
  });
});
const [width, height] = [right + 90, 590];
await writeFile(
  `${folder}/deconvolution.svg`,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif">
<title>A 1-D convolution as a matrix, and its transpose by zero insertion and by phases</title>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#555"/></marker></defs>
<rect width="${width}" height="${height}" fill="white"/>
${parts.join("\n")}
</svg>
`,
);

// A plain input through kernels of ones: how often each pixel is written.
const ones = (shape) => new Tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);
const grid = async (kernel, stride) => {
  const layer = { op: "ConvTranspose", weight: ones([1, kernel, kernel, 1]), inputShape: [1, 12, 12, 1], stride };
  const { engine } = await deconvolution(await loadModel(convolutionOnnx(layer)), ones([1, 12, 12, 1]));
  const [, h, w] = engine.shape;
  // The same 20×20 pixels of the middle, clear of the borders.
  const [top, from] = [Math.floor((h - 20) / 2), Math.floor((w - 20) / 2)];
  const data = Float32Array.from(
    { length: 400 },
    (_, i) => engine.data[(top + Math.floor(i / 20)) * w + from + (i % 20)] / 4,
  );
  return enlarge(heatmapImage({ data, width: 20, height: 20, signed: false }, { colormap: "viridis" }), 200);
};
await writeFile(
  `${folder}/checkerboard.png`,
  await encodePng(sideBySide([await grid(3, 2), await grid(4, 2)], { columns: 2, gap: 24 })),
);

// A layer of the embedded network on its way through a pool and back.
const model = await loadModel();
const scene = await decodeImage(await readFile("examples/images/scene-cat-00.png"));
const input = (await model.run(scene, { capture: ["relu5"] })).activations.get("relu5");
const { pooled, switches } = await maxPool(input, { kernel: 2 });
const unpooled = await maxUnpool(pooled, switches);
const stages = poolingPicture({ input, pooled, switches, unpooled }, { side: 216 });
await writeFile(`${folder}/unpooling.png`, await encodePng(stages));
