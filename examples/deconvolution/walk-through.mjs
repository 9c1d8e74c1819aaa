// Prints a 1-D deconvolution with all its arrays: node examples/deconvolution/walk-through.mjs
import { deconvolutionWalkThrough } from "seethrough";

const width = 4;
const row = (values) => values.map((value) => String(value).padStart(width)).join("");
const title = (text) => console.log(`\n${text}\n${"-".repeat(text.length)}`);

const { x, filter, stride, padded, W, y, back, zeroInsertion, phases, byPhases, depthToSpace, gram, projection, lost } =
  await deconvolutionWalkThrough();

title("The convolution y = W·x");
console.log(`x       ${row(x)}\npadded  ${row(padded)}\nfilter  ${row(filter)}, stride ${stride}\n`);
for (const [i, values] of W.entries()) console.log(`${i === 2 ? "W   =   " : "        "}${row(values)}`);
console.log(`\ny       ${row(y)}`);

title("The deconvolution Wᵀ·y, four times");
console.log(`Wᵀ·y as a matrix          ${row(back)}\n`);
console.log(`zeros inserted  ${row(zeroInsertion.inserted)}`);
console.log(`flipped filter  ${row(zeroInsertion.flipped)}`);
console.log(`their convolution         ${row(zeroInsertion.output)}\n`);
for (const { first, taps, output } of phases) {
  const terms = taps.map(({ weight, from }) => `${weight}·y[i${from < 0 ? from : `+${from}`}]`);
  console.log(`${`phase ${first}: x[${stride}i+${first}] = ${terms.join(" + ")}`.padEnd(46)}${row(output)}`);
}
console.log(`interleaved               ${row(byPhases)}\n`);
depthToSpace.channels.forEach((channel, i) => {
  console.log(`${`channel ${i}, kernel ${row(depthToSpace.kernels[i])}`.padEnd(46)}${row(channel)}`);
});
console.log(`DepthToSpace              ${row(depthToSpace.output)}`);

title("What back-projection gives back");
console.log("W·Wᵀ = 2·I: the rows of W are orthogonal, each of norm √2.");
for (const values of gram) console.log(`        ${row(values)}`);
const half = (values) => values.map((value) => value.toFixed(1).padStart(6)).join("");
console.log(`\nx                 ${half(padded)}`);
console.log(`Wᵀ·W·x / 2        ${half(projection)}   the part of x in the row space of W`);
console.log(`lost              ${half(lost)}   orthogonal to every row: y never knew of it`);

const inside = await deconvolutionWalkThrough({ x: [-1, 0, -2, 1, -3, 2, 0, 3] });
console.log(`\nx in the row space${half(inside.padded)}   1, 2 and 3 times rows 1 to 3 of W`);
console.log(`Wᵀ·W·x / 2        ${half(inside.projection)}   exact, and only because x is in the row space`);
