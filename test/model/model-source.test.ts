import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { loadModel, type ModelSource, Tensor, UnsupportedRuntimeError, type WasmSource } from "../../src/index";
import { loaded } from "../../src/model/loaded-model";
import { openModel } from "../../src/model/open-model";
import * as slim from "../../src/slim";

const path = resolve("models/petshop.onnx");
const bytes = new Uint8Array(readFileSync(path));
const input = new Tensor(new Float32Array(96 * 96 * 3).fill(0.3), [1, 96, 96, 3]);
const files = new Map<string, Uint8Array>([
  ["/petshop.onnx", bytes],
  ["/kernels.wasm", readFileSync("build/kernels.wasm")],
]);
let expected: Float32Array;
let server: Server;
let address: string;
beforeAll(async () => {
  expected = (await (await loadModel(new Uint8Array(bytes))).run(input)).output.data;
  server = createServer((request, response) => {
    const file = files.get(request.url ?? "");
    response.statusCode = file ? 200 : 404;
    response.end(file ?? "nothing here");
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
  const sources: Readonly<Record<string, () => WasmSource>> = {
    "a compiled module": () => new WebAssembly.Module(kernels),
    bytes: () => new Uint8Array(kernels),
    "a Response": () => new Response(kernels),
    "a file URL": () => pathToFileURL(resolve("build/kernels.wasm")),
    "a web URL": () => new URL(`${address}/kernels.wasm`),
    "a path": () => "build/kernels.wasm",
  };
  for (const [name, wasm] of Object.entries(sources)) {
    it(name, async () => {
      const model = await slim.loadModel(bytes, { wasm: wasm() });
      expect((await model.run(input)).output.data).toEqual(expected);
    });
  }

  it("another model", async () => {
    const { module } = loaded(await loadModel(bytes)).parts;
    const second = await openModel({ bytes, name: "second" }, {}, { module, arithmetic: "plain" });
    expect((await second.run(input)).output.data).toEqual(expected);
    expect(loaded(second).parts.module).toBe(module);
  });

  it("the entry, compiled once", async () => {
    const [first, second] = [await loadModel(bytes), await loadModel(bytes)];
    expect(loaded(first).parts.module).toBe(loaded(second).parts.module);
    expect(loaded(first).parts.kernels).not.toBe(loaded(second).parts.kernels);
  });

  it("and broken ones are refused with what they need", async () => {
    const broken = loadModel(bytes, { wasm: Uint8Array.of(0, 97, 115, 109, 9, 9, 9, 9) });
    await expect(broken).rejects.toThrow(UnsupportedRuntimeError);
    await expect(loadModel(bytes, { wasm: Uint8Array.of(1) })).rejects.toThrow(/need WebAssembly SIMD/);
  });

  it("and a host that compiles nothing is told apart from one without SIMD", async () => {
    const compile = vi.spyOn(WebAssembly, "compile");
    compile.mockRejectedValue(new WebAssembly.CompileError("Wasm code generation disallowed by embedder"));
    await expect(loadModel(bytes, { wasm: kernels })).rejects.toThrow(
      /disallowed by embedder.*does not compile bytes.*'wasm-unsafe-eval'.*condition "workerd"/,
    );
    compile.mockRestore();
  });

  it("and missing ones are asked for", async () => {
    await expect(loadModel(bytes, { wasm: new URL(`${address}/other.wasm`) })).rejects.toThrow(
      /The kernels could not be fetched: HTTP 404/,
    );
    await expect(loadModel(bytes, { wasm: 7 as never })).rejects.toThrow(
      /wasm takes a WebAssembly.Module, .* got number/,
    );
    // @ts-expect-error the types ask for it too
    await expect(slim.loadModel(bytes)).rejects.toThrow(
      /seethrough\/slim carries no kernels: .*\{ wasm \}.*new URL\("seethrough\/kernels.wasm", import.meta.url\)/,
    );
    // @ts-expect-error nor is there a model
    await expect(slim.loadModel(undefined, { wasm: kernels })).rejects.toThrow(
      /without a model, and this entry brings none: .*import bytes from 'seethrough\/default-model'/,
    );
  });
});
