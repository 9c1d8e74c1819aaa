import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadModel, ModelError, type ModelSource, Tensor } from "../../src/index";
import { defaultModel } from "../../src/load-default-model";
import { kernels } from "../../src/load-model";
import { loaded } from "../../src/model/loaded-model";
import { poolInThread } from "../../src/pool/in-thread";
import { describeShared, readShared, readSharedJson, sharedPath } from "../shared-folder";
import { onnxFile, rawFloats } from "./protobuf";

/** y = x · w + b, the two tensors wherever their entries say. */
const fileWith = (w: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> =>
  onnxFile({
    inputs: { x: [1, 2] },
    outputs: { y: [1, 2] },
    nodes: [{ op: "Gemm", inputs: ["x", "w", "b"], outputs: ["y"] }],
    tensors: [
      { name: "w", type: 1, dims: [2, 2], external: w },
      { name: "b", type: 1, dims: [2], external: b },
    ],
  });

const input = new Tensor(Float32Array.of(1, 2), [1, 2]);
const numbers = [1, 2, 3, 4];
/** Three bytes that belong to nobody, then w, then b. */
const both: Uint8Array<ArrayBuffer> = new Uint8Array([9, 9, 9, ...rawFloats(...numbers, 10, 20)]);
const inOne = fileWith({ location: "net.data", offset: "3", length: "16" }, { location: "net.data", offset: "19" });
const inTwo = fileWith({ location: "./w.bin" }, { location: "more/b.bin", length: "8" });
const two = { "w.bin": rawFloats(...numbers), "more/b.bin": rawFloats(10, 20) };
const expected = Float32Array.of(17, 30);

const resultOf = async (source: ModelSource, memory: "fast" | "low" = "fast"): Promise<Float32Array> => {
  const model = await loadModel(source, { memory });
  return (await model.run(input)).output.data;
};

describe("weights in files beside the model", () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-external-"));
  const requests: string[] = [];
  const served = new Map<string, Uint8Array>([
    ["/a/net.onnx", inOne],
    ["/a/net.data", both],
    ["/silent/net.onnx", inOne],
    ["/half/net.onnx", inOne],
  ]);
  let server: Server;
  let address: string;
  beforeAll(async () => {
    writeFileSync(join(folder, "net.onnx"), inOne);
    writeFileSync(join(folder, "net.data"), both);
    writeFileSync(join(folder, "secret"), both);
    server = createServer((request, response) => {
      requests.push(request.url ?? "");
      // Of one of them nothing comes, the other never ends.
      if (request.url === "/half/net.data") response.write(both.subarray(0, 8));
      if (/^\/(silent|half)\/net\.data/.test(request.url ?? "")) return;
      const file = served.get((request.url ?? "").replace(/\?.*/, ""));
      response.statusCode = file ? 200 : 404;
      response.end(file ?? "nothing here");
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  const sources: Readonly<Record<string, () => ModelSource | Promise<ModelSource>>> = {
    "a path": () => join(folder, "net.onnx"),
    "a file URL": () => pathToFileURL(join(folder, "net.onnx")),
    "a web address with a signature": () => `${address}/a/net.onnx?key=1`,
    "a Response": () => fetch(`${address}/a/net.onnx`),
    "files by name": () => ({ "net.onnx": inOne, "net.data": both }),
    "Blobs by name, in a folder": () => ({ "a/net.onnx": new Blob([inOne]), "a/net.data": new Blob([both]) }),
    "picked files": () => [new File([both], "net.data"), new File([inOne], "net.onnx")],
    "several files by name": () => ({ "net.onnx": inTwo, ...two }),
    "several picked files, which have lost their folders": () => [
      new File([two["more/b.bin"]], "b.bin"),
      new File([two["w.bin"]], "w.bin"),
      new File([inTwo], "net.onnx"),
    ],
    "files with a Hugging Face config among them": () => ({
      "net.onnx": inOne,
      "net.data": both,
      "config.json": new TextEncoder().encode("{}"),
    }),
  };
  for (const [name, source] of Object.entries(sources)) {
    it(`are read from ${name}`, async () => {
      expect(await resultOf(await source())).toEqual(expected);
      expect(await resultOf(await source(), "low")).toEqual(expected);
    });
  }

  it("give their query to files at the same host alone", () => {
    expect(requests.filter((url) => url.startsWith("/a/net.data"))).toContain("/a/net.data?key=1");
  });

  it.each(["silent", "half"])("are given up with the signal's own reason while they are fetched: %s", async (kind) => {
    const stop = new AbortController();
    const reason = new Error("changed my mind");
    const loading = loadModel(`${address}/${kind}/net.onnx`, { signal: stop.signal });
    const outcome = loading.then(
      () => "loaded",
      (error: unknown) => error,
    );
    while (!requests.includes(`/${kind}/net.data`)) await new Promise((go) => setTimeout(go, 5));
    await new Promise((go) => setTimeout(go, 50));
    stop.abort(reason);
    expect(await outcome).toBe(reason);
  });

  it("are read in a pool", async () => {
    const pool = await poolInThread({ kernels, defaultModel }, {});
    const model = await pool.loadModel({ "net.onnx": inOne, "net.data": both });
    expect((await model.run(input)).output.data).toEqual(expected);
    pool.dispose();
  });

  it("belong to the hash of the model", async () => {
    const hash = async (source: ModelSource, memory: "fast" | "low" = "fast") =>
      loaded(await loadModel(source, { memory })).parts.hash();
    const first = await hash({ "net.onnx": inOne, "net.data": both });
    expect(await hash(join(folder, "net.onnx"))).toBe(first);
    expect(await hash({ "net.onnx": inOne, "net.data": both }, "low")).toBe(first);
    const other = both.map((byte, i) => (i === 20 ? byte ^ 1 : byte));
    expect(await hash({ "net.onnx": inOne, "net.data": other })).not.toBe(first);
  });

  it("are asked for by name where only the model's bytes are given", async () => {
    await expect(loadModel(inTwo)).rejects.toThrow(ModelError);
    await expect(loadModel(inTwo)).rejects.toThrow(
      'The network\'s weights lie in "./w.bin", "more/b.bin", which are not part of these bytes. Pass the model\'s path or URL, ' +
        'beside which its files lie, or all of them by name: loadModel({ "model.onnx": …, "./w.bin": … }). ' +
        "A single file is written by torch.onnx.export(…, external_data=False)",
    );
    await expect(loadModel({ "net.onnx": inOne, "net.dat": both })).rejects.toThrow(
      /"net\.onnx" needs the file "net\.data", which is not among "net\.onnx", "net\.dat"\. .*"net\.dat"/,
    );
    await expect(loadModel(`${address}/b/net.onnx`)).rejects.toThrow(/HTTP 404/);
    served.set("/b/net.onnx", inOne);
    await expect(loadModel(`${address}/b/net.onnx`)).rejects.toThrow(
      /weights lie in "net\.data".*HTTP 404 for .*\/b\/net\.data\..*external_data=False/,
    );
    await expect(
      loadModel(`data:application/octet-stream;base64,${Buffer.from(inOne).toString("base64")}`),
    ).rejects.toThrow(/data: addresses have no place beside them/);
  });

  it("must have the bytes that the model names", async () => {
    const load = (w: Record<string, string>, data = both) =>
      loadModel({ "net.onnx": fileWith({ location: "net.data", ...w }, { location: "net.data" }), "net.data": data });
    await expect(load({}, both.subarray(0, 10))).rejects.toThrow(
      'Tensor "w": its data are bytes 0 to 16 of "net.data", which has 10. The file is cut off, or it belongs to another',
    );
    await expect(load({ offset: "12" })).rejects.toThrow(
      'Tensor "w": its data are bytes 12 to 28 of "net.data", which has 27',
    );
    await expect(load({ length: "12" })).rejects.toThrow(
      'Tensor "w": its shape needs 16 bytes, the model announces 12 of them in "net.data"',
    );
    for (const offset of ["-4", "1e1", "four", "", "0x4", "99999999999999999999"]) {
      await expect(load({ offset }), offset).rejects.toThrow(
        /Tensor "w": the offset of its data .* must be a number of bytes/,
      );
    }
    await expect(load({ location: "" })).rejects.toThrow(/does not say in which/);
  });

  it.each([
    "../secret",
    "a/../../secret",
    "..",
    "/etc/hostname",
    "..\\secret",
    "a\\b",
    "C:/secret",
    "C:secret",
    "file:///etc/hostname",
    "http://127.0.0.1:9/x",
    "//127.0.0.1:9/x",
    "./",
    "a\0b",
    "%2e%2e/secret",
    "..%2fsecret",
    "%252e%252e/secret",
  ])("are not read from %j", async (location) => {
    const model = fileWith({ location }, { location });
    writeFileSync(join(folder, "evil.onnx"), model);
    served.set("/a/evil.onnx", model);
    const before = requests.length;
    const named = /The model names the file .*The files of a model lie in its own folder or below it/;
    await expect(loadModel(join(folder, "evil.onnx"))).rejects.toThrow(named);
    await expect(loadModel(pathToFileURL(join(folder, "evil.onnx")))).rejects.toThrow(named);
    await expect(loadModel(`${address}/a/evil.onnx?key=1`)).rejects.toThrow(named);
    await expect(loadModel({ "evil.onnx": model, [location]: both })).rejects.toThrow(named);
    expect(requests.slice(before).map((url) => url.replace(/\?.*/, ""))).toEqual(["/a/evil.onnx"]);
  });

  it("are looked for under the very name that the model gives, whatever it means in an address", async () => {
    for (const location of ["100%25/net.data", "net.data?x#y", "a b/ü.data"]) {
      const model = fileWith({ location, offset: "3" }, { location, offset: "19" });
      const path = `/a/b/${location.split("/").map(encodeURIComponent).join("/")}`;
      served.set("/a/b/odd.onnx", model);
      served.set(path, both);
      expect(await resultOf(`${address}/a/b/odd.onnx`), location).toEqual(expected);
    }
  });
});

describeShared("a network of PyTorch with its weights beside it", () => {
  it("gives the logits of onnxruntime", async () => {
    const { logits } = readSharedJson<{ logits: number[] }>("cases/weights-beside/expected.json");
    const pixel = (c: number, h: number, w: number): number =>
      ((17 * w + 31 * h + 71 * c + 23 * ((w >> 2) ^ (h >> 2))) % 256) / 255;
    const picture = Tensor.fromNCHW(
      Float32Array.from({ length: 3 * 256 }, (_, i) => pixel(Math.floor(i / 256), Math.floor(i / 16) % 16, i % 16)),
      [1, 3, 16, 16],
    );
    const model = await loadModel(sharedPath("cases/weights-beside/model.onnx"));
    const { output } = await model.run(picture);
    logits.forEach((value, i) => {
      expect(output.data[i]).toBeCloseTo(value, 5);
    });
  });

  it("gives the output of a float64 interpreter", async () => {
    const files = ["external_data.onnx", "external_data.onnx.data"];
    const model = await loadModel(Object.fromEntries(files.map((name) => [name, readShared(`models/modern/${name}`)])));
    const floats = (name: string) => new Float32Array(readShared(`models/modern/${name}`).slice().buffer);
    const { output } = await model.run(Tensor.fromNCHW(floats("external_data.in0.bin"), [1, 3, 64, 64]));
    floats("external_data.out.bin").forEach((value, i) => {
      expect(output.data[i]).toBeCloseTo(value, 5);
    });
  });
});
