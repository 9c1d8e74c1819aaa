import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel, type ModelSource, Tensor, UnsupportedRuntimeError } from "../src/index";

const path = resolve("models/petshop.onnx");
const bytes = new Uint8Array(readFileSync(path));
const input = new Tensor(new Float32Array(96 * 96 * 3).fill(0.3), [1, 96, 96, 3]);
let expected: Float32Array;
let server: Server;
let address: string;
beforeAll(async () => {
  expected = (await (await loadModel(new Uint8Array(bytes))).run(input)).output.data;
  server = createServer((request, response) => {
    response.statusCode = request.url === "/petshop.onnx" ? 200 : 404;
    response.end(request.url === "/petshop.onnx" ? bytes : "nothing here");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

describe("a model comes from", () => {
  const sources: Readonly<Record<string, () => ModelSource | Promise<ModelSource>>> = {
    "a Uint8Array": () => bytes,
    "a Uint8Array inside a larger buffer": () => {
      const large = new Uint8Array(bytes.length + 13);
      large.set(bytes, 7);
      return large.subarray(7, 7 + bytes.length);
    },
    "a Node Buffer at an odd place": () => {
      const large = Buffer.alloc(bytes.length + 7);
      large.set(bytes, 3);
      return large.subarray(3, 3 + bytes.length);
    },
    "an ArrayBuffer": () => bytes.buffer,
    "a Blob": () => new Blob([bytes]),
    "a Response": () => new Response(bytes),
    "a path": () => path,
    "a file URL": () => pathToFileURL(path),
    "a web URL": () => new URL(`${address}/petshop.onnx`),
    "a web address": () => `${address}/petshop.onnx`,
  };
  for (const [name, source] of Object.entries(sources)) {
    it(name, async () => {
      const model = await loadModel(await source());
      expect(model.input).toEqual({ name: "input", shape: [1, 96, 96, 3] });
      expect(model.output).toEqual({ name: "logits", shape: [1, 8] });
      expect((await model.run(input)).output.data).toEqual(expected);
      expect(model.layers[0]).toMatchObject({ name: "conv1", op: "Conv", shape: [1, 96, 96, 12] });
    });
  }

  it("and says where it is not", async () => {
    await expect(loadModel(`${address}/other.onnx`)).rejects.toThrow(
      /HTTP 404 for http:\/\/127\.0\.0\.1:\d+\/other\.onnx/,
    );
    await expect(loadModel("https://[::1]:9/petshop.onnx")).rejects.toThrow(/could not be fetched/);
  });
});

describe("the kernels come from", () => {
  const kernels = readFileSync("build/kernels.wasm");
  it("a compiled module, bytes or a Response", async () => {
    for (const wasm of [new WebAssembly.Module(kernels), new Uint8Array(kernels), new Response(kernels)]) {
      const model = await loadModel(bytes, { wasm });
      expect(model.labels).toHaveLength(8);
    }
  });

  it("and broken ones are refused with what they need", async () => {
    const broken = loadModel(bytes, { wasm: Uint8Array.of(0, 97, 115, 109, 9, 9, 9, 9) });
    await expect(broken).rejects.toThrow(UnsupportedRuntimeError);
    await expect(loadModel(bytes, { wasm: Uint8Array.of(1) })).rejects.toThrow(/need WebAssembly SIMD/);
  });
});
