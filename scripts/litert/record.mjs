// What LiteRT computes of the int8 and uint8 networks in ../shared/models/deployed, for test/tflite/litert.test.ts:
//
//   npm run litert:record
//
// LiteRT (@litertjs/core) runs in Chromium, on the processor. Of one photograph the integers of every layer that has weights or joins are kept
// as digests: each of a copy of the file whose only output is that layer. Of the others the network's results are kept.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ByteBuffer } from "flatbuffers";
import { decodeImage, resize } from "../../dist/index.js";
import { browsers, visit } from "../../test/runtimes/hosts/browsers.mjs";
import { bundle } from "../../test/runtimes/hosts/bundle.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const shared = (path) => here(`../../../shared/${path}`);
const target = here("../../test/tflite/litert-digests.json");
const names = ["resnet8-cifar10-int8.tflite", "vww-96-int8.tflite", "mobilenet-v2-1.0-224-uint8.tflite"];
const pictures = ["cat", "coffee", "macaw", "samoyed", "hotdog", "dragonfly", "camera", "pets"];
const types = { 3: "uint8", 9: "int8" };

/** A table of a flatbuffer: only what is read here. */
class Table {
  constructor(buffer, at) {
    this.buffer = buffer;
    this.at = at;
  }

  place(field) {
    const offset = this.buffer.__offset(this.at, 4 + 2 * field);
    return offset === 0 ? undefined : this.at + offset;
  }

  vector(field) {
    const place = this.place(field);
    if (place === undefined) return { at: 0, length: 0 };
    return { at: this.buffer.__vector(place), length: this.buffer.__vector_len(place) };
  }

  table(field) {
    const place = this.place(field);
    return place === undefined ? undefined : new Table(this.buffer, this.buffer.__indirect(place));
  }

  tables(field) {
    const { at, length } = this.vector(field);
    return Array.from({ length }, (_, i) => new Table(this.buffer, this.buffer.__indirect(at + 4 * i)));
  }

  ints(field) {
    const { at, length } = this.vector(field);
    return Array.from({ length }, (_, i) => this.buffer.readInt32(at + 4 * i));
  }

  text(field) {
    return this.buffer.__string(this.place(field));
  }
}

function read(bytes) {
  const buffer = new ByteBuffer(bytes);
  const [graph] = new Table(buffer, buffer.readInt32(0)).tables(2);
  const tensors = graph.tables(0).map((table) => {
    const quantisation = table.table(4);
    const [scales, zeros] = [quantisation?.vector(2), quantisation?.vector(3)];
    const type = table.place(1) === undefined ? 0 : buffer.readUint8(table.place(1));
    const grid = scales?.length === 1 &&
      types[type] && {
        scale: buffer.readFloat32(scales.at),
        zero: Number(buffer.readInt64(zeros.at)),
      };
    return { name: table.text(3), shape: table.ints(0), type: types[type], ...grid };
  });
  const [input] = graph.ints(1);
  return {
    tensors,
    input: tensors[input],
    results: graph.tables(3).flatMap((o) => o.ints(2)),
    outputs: graph.vector(2).at,
  };
}

/** The same file with one output: another tensor. */
function withOutput(bytes, outputs, tensor) {
  const copy = Uint8Array.from(bytes);
  const view = new DataView(copy.buffer);
  view.setInt32(outputs - 4, 1, true);
  view.setInt32(outputs, tensor, true);
  return copy;
}

/** The bytes of a picture as a network of integers is given them. */
async function inputOf(picture, { shape: [, height, width], type }) {
  const { data } = resize(await decodeImage(readFileSync(shared(`images/${picture}.png`))), { width, height });
  const channels = data.length / (width * height);
  const shift = type === "int8" ? 128 : 0;
  return Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => data[Math.floor(i / 3) * channels + (i % 3)] - shift,
  );
}

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

/** Its JavaScript names three types of elements, and its runtime has all: int8 is added to the table. */
function takeInt8(file) {
  const code = readFileSync(file, "utf8");
  const table = "DATATYPES = Object.freeze([";
  if (!code.includes(table))
    throw new Error("@litertjs/core has no such table of types any more; it may take int8 by itself");
  const entry = '{ dtype: "int8", typedArrayConstructor: Int8Array, elementType: ElementType.INT8 },';
  writeFileSync(file, code.replace(table, `${table}${entry}`));
}

const site = here("../../build/litert");
rmSync(site, { recursive: true, force: true });
mkdirSync(site, { recursive: true });
cpSync(here("node_modules/@litertjs/core/wasm"), `${site}/wasm`, { recursive: true });
await bundle(here("."), site, ["page.mjs"], {});
takeInt8(`${site}/page.js`);
writeFileSync(
  `${site}/index.html`,
  '<!doctype html><meta charset="utf-8"><script type="module" src="page.js"></script>',
);

const networks = {};
for (const name of names) {
  const bytes = readFileSync(shared(`models/deployed/${name}`));
  const { tensors, input, results, outputs } = read(bytes);
  const files = [];
  for (const picture of pictures) {
    writeFileSync(`${site}/${picture}.bin`, await inputOf(picture, input));
    files.push(`/${picture}.bin`);
  }
  const asked = [...new Set(results)].filter((i) => tensors[i].scale !== undefined);
  const jobs = asked.map((tensor, i) => {
    writeFileSync(`${site}/${i}.tflite`, withOutput(bytes, outputs, tensor));
    const { type, shape } = input;
    return { model: `/${i}.tflite`, type, shape, inputs: i === asked.length - 1 ? files : files.slice(0, 1) };
  });
  writeFileSync(`${site}/jobs.json`, JSON.stringify(jobs));
  const { results: found, error } = JSON.parse(await visit(browsers.chromium, site, "index.html"));
  if (error) throw new Error(error);
  const layers = asked.map((tensor, i) => {
    const { name: layer, scale, zero } = tensors[tensor];
    return [layer, { scale, zero, digest: digest(Buffer.from(found[i][0], "base64")) }];
  });
  networks[name] = {
    ...{ scale: input.scale, zero: input.zero, input: digest(readFileSync(`${site}/${pictures[0]}.bin`)) },
    layers: Object.fromEntries(layers),
    outputs: Object.fromEntries(pictures.map((picture, i) => [picture, found.at(-1)[i]])),
  };
  console.log(`${name}: ${layers.length} layers, ${pictures.length} pictures`);
}
const { version } = JSON.parse(readFileSync(here("node_modules/@litertjs/core/package.json"), "utf8"));
const runtime = `@litertjs/core ${version}, wasm, Chromium`;
writeFileSync(target, `${JSON.stringify({ runtime, networks }, null, 2)}\n`);
// Chromium leaves handles behind.
process.exit();
