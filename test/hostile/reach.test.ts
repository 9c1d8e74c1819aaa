import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { decodeImage, InputError, LimitError, loadModel, ModelError, OptionError, Tensor } from "../../src/index";

/** A dense layer of two by two, its weights in the files that the manifest names. */
const modelJson = (paths: readonly string[]): string =>
  JSON.stringify({
    format: "layers-model",
    modelTopology: {
      model_config: {
        class_name: "Sequential",
        config: {
          name: "small",
          layers: [
            {
              class_name: "Dense",
              config: { name: "dense", units: 2, batch_input_shape: [null, 2], use_bias: false, activation: "linear" },
            },
          ],
        },
      },
    },
    weightsManifest: [{ paths, weights: [{ name: "dense/kernel", shape: [2, 2], dtype: "float32" }] }],
  });
const weights = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const homeAnswers = new Map<string, Answer>();
const otherAnswers = new Map<string, Answer>();
const asked = { home: [] as string[], other: [] as string[] };
let [home, other] = ["", ""];
const servers: Server[] = [];

async function serve(answers: ReadonlyMap<string, Answer>, log: string[]): Promise<string> {
  const server = createServer((request, response) => {
    log.push(request.url ?? "");
    const answer = answers.get((request.url ?? "").replace(/\?.*/, ""));
    if (answer) answer(request, response);
    else response.writeHead(404).end();
  });
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const send =
  (body: string | Uint8Array): Answer =>
  (_, response) =>
    response.end(body);
const redirect =
  (to: () => string): Answer =>
  (_, response) =>
    response.writeHead(302, { location: to() }).end("moved");

beforeAll(async () => {
  home = await serve(homeAnswers, asked.home);
  other = await serve(otherAnswers, asked.other);
});
beforeEach(() => {
  homeAnswers.clear();
  otherAnswers.clear();
  asked.home.length = 0;
  asked.other.length = 0;
  otherAnswers.set("/w.bin", send(weights));
  homeAnswers.set("/m/w.bin", send(weights));
});
afterEach(() => vi.unstubAllGlobals());
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

const manifest = (path: string): void => void homeAnswers.set("/m/model.json", send(modelJson([path])));
const signed = () => `${home}/m/model.json?token=s3cret`;

async function refused(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => new Error("it was taken"),
    (reason: Error) => reason,
  );
  expect(error.message).not.toMatch(/s3cret|pa55/);
  return error;
}

describe("a model's files", () => {
  it("are fetched beside it, with its query", async () => {
    manifest("w.bin");
    const model = await loadModel(signed());
    expect([...(await model.run(new Tensor(Float32Array.of(1, 1), [1, 2]))).output.data]).toEqual([4, 6]);
    expect(asked.home).toContain("/m/w.bin?token=s3cret");
  });

  const outside = [
    "../w.bin",
    "a/../../w.bin",
    "/w.bin",
    "//HOST/w.bin",
    "..\\w.bin",
    "\\\\HOST\\w.bin",
    "%2e%2e/w.bin",
    "%252e%252e/w.bin",
    ".%2E/w.bin",
    "..%2fw.bin",
    "%2fw.bin",
    "%5c%5cHOST/w.bin",
    " ../w.bin",
    ".. /w.bin",
    "data:application/octet-stream;base64,AACAPwAAAEAAAEBAAACAQA==",
    "file:///etc/hostname",
    "http://HOST/w.bin",
    "HTTP://user:pa55@HOST/w.bin?token=s3cret",
    "ftp://HOST/w.bin",
    "blob:http://HOST/1",
    "http:\\\\HOST/w.bin",
    `a${"/a".repeat(5000)}`,
    `${"%25".repeat(1300)}2e/w.bin`,
  ];
  it.each(outside.map((path) => [path.slice(0, 60), path]))("do not lie at %s", async (_, path) => {
    manifest(path.replace("HOST", other.replace("http://", "")));
    const error = await refused(loadModel(signed()));
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message.length).toBeLessThan(1000);
    expect(asked.other).toEqual([]);
    expect(asked.home.map((url) => url.replace(/\?.*/, "")).sort()).toEqual(
      expect.not.arrayContaining(["/w.bin", "/etc/hostname"]),
    );
  });

  it("lie at other hosts where the caller allows them, which learn nothing of the model's query", async () => {
    manifest(`${other}/w.bin?v=2`);
    await loadModel(signed(), { allowOrigins: [other] });
    expect(asked.other).toEqual(["/w.bin?v=2"]);
    expect(await refused(loadModel(signed()))).toMatchObject({
      message: expect.stringContaining(`allowOrigins: ["${other}"]`),
    });
    expect(asked.other).toHaveLength(1);
  });

  it("of a model on disk, too", async () => {
    const folder = mkdtempSync(join(tmpdir(), "reach-"));
    try {
      const path = join(folder, "model.json");
      writeFileSync(path, modelJson([`${other}/w.bin`]));
      expect(await refused(loadModel(path))).toBeInstanceOf(ModelError);
      expect(asked.other).toEqual([]);
      await loadModel(path, { allowOrigins: [`${other}/any/path`] });
      expect(asked.other).toEqual(["/w.bin"]);
      await expect(loadModel(path, { limits: { fileBytes: 100 } })).rejects.toThrow(LimitError);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([["cdn.example.com"], ["file:///x"], [7]])("%s is no origin to allow", async (origin) => {
    manifest("w.bin");
    await expect(loadModel(signed(), { allowOrigins: [origin as string] })).rejects.toThrow(OptionError);
    await expect(loadModel(signed(), { allowOrigins: "https://a.example" as never })).rejects.toThrow(/must be a list/);
  });
});

describe("redirects", () => {
  const places: Readonly<Record<string, () => string>> = {
    "another host": () => `${other}/w.bin`,
    "another host, named without a protocol": () => `//${other.replace("http://", "")}/w.bin`,
    "another folder": () => "/w.bin",
    "the folder above": () => "../w.bin",
    "a file": () => "file:///etc/hostname",
    "no address": () => "http://[",
    "itself for ever": () => "w.bin",
  };
  it.each(Object.keys(places))("of a file to %s are not followed", async (place) => {
    manifest("w.bin");
    homeAnswers.set("/w.bin", send(weights));
    homeAnswers.set("/m/w.bin", redirect(places[place]));
    expect(await refused(loadModel(signed()))).toBeInstanceOf(ModelError);
    expect(asked.other).toEqual([]);
    expect(asked.home).not.toContain("/w.bin");
    expect(asked.home.length).toBeLessThan(20);
  });

  it("inside the folder, or to a host that is allowed, are", async () => {
    manifest("w.bin");
    homeAnswers.set("/m/deep/w.bin", send(weights));
    homeAnswers.set(
      "/m/w.bin",
      redirect(() => "deep/w.bin"),
    );
    await loadModel(signed());
    homeAnswers.set(
      "/m/w.bin",
      redirect(() => `${other}/w.bin`),
    );
    await loadModel(signed(), { allowOrigins: [other] });
    expect(asked.other).toEqual(["/w.bin"]);
  });

  it("of the model itself are, and its files may lie where it was found", async () => {
    homeAnswers.set(
      "/m/model.json",
      redirect(() => `${other}/v2/model.json`),
    );
    homeAnswers.set(
      "/m/w.bin",
      redirect(() => `${other}/v2/w.bin`),
    );
    otherAnswers.set("/v2/model.json", send(modelJson(["w.bin"])));
    otherAnswers.set("/v2/w.bin", send(weights));
    await loadModel(signed());
    homeAnswers.set(
      "/m/w.bin",
      redirect(() => `${other}/w.bin`),
    );
    expect(await refused(loadModel(signed()))).toBeInstanceOf(ModelError);
    expect(asked.other.join()).not.toContain("s3cret");
  });

  it("that only show afterwards, as in browsers, are seen before the body is read", async () => {
    const read = vi.fn();
    vi.stubGlobal("fetch", async (url: URL, init?: RequestInit) => {
      if (String(url).includes("model.json")) return new Response(modelJson(["w.bin"]));
      if (!String(url).includes("w.bin")) return new Response("", { status: 404 });
      if (init?.redirect === "manual") {
        return { type: "opaqueredirect", status: 0, ok: false, url: String(url), headers: new Headers(), body: null };
      }
      const body = { getReader: read };
      return {
        ok: true,
        status: 200,
        url: "https://evil.example/w.bin",
        headers: new Headers(),
        body,
        arrayBuffer: read,
      };
    });
    const error = await refused(loadModel("https://host.example/m/model.json?token=s3cret"));
    expect(error).toBeInstanceOf(ModelError);
    expect(error.message).toContain("https://evil.example/w.bin");
    expect(read).not.toHaveBeenCalled();
  });
});

describe("bodies", () => {
  it("are refused by their length before they are read", async () => {
    manifest("w.bin");
    homeAnswers.set("/m/w.bin", (_, response) => {
      response.writeHead(200, { "content-length": String(2 ** 40) });
      response.write(weights);
    });
    const start = performance.now();
    const error = await refused(loadModel(signed(), { limits: { fileBytes: 1e6 } }));
    expect(error).toBeInstanceOf(LimitError);
    expect(error).toMatchObject({ limit: "fileBytes" });
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it("are cut at the limit while they come", async () => {
    let sent = 0;
    homeAnswers.set("/m/endless.onnx", (_, response) => {
      const chunk = Buffer.alloc(65536, 8);
      const more = (): void => {
        if (response.destroyed) return;
        sent += chunk.length;
        response.write(chunk, () => setImmediate(more));
      };
      more();
    });
    expect(await refused(loadModel(`${home}/m/endless.onnx`, { limits: { fileBytes: 1e6 } }))).toBeInstanceOf(
      LimitError,
    );
    expect(sent).toBeLessThan(50e6);
  });

  it("count together", async () => {
    const json = modelJson(["w.bin"]);
    manifest("w.bin");
    await loadModel(signed(), { limits: { fileBytes: json.length + 16 } });
    await expect(loadModel(signed(), { limits: { fileBytes: json.length + 15 } })).rejects.toThrow(LimitError);
    const files = { "model.json": new TextEncoder().encode(json), "w.bin": weights };
    await loadModel(files, { limits: { fileBytes: json.length + 16 } });
    await expect(loadModel(files, { limits: { fileBytes: json.length + 15 } })).rejects.toThrow(LimitError);
    await expect(loadModel(new Blob([json]), { limits: { fileBytes: 15 } })).rejects.toThrow(LimitError);
    await expect(loadModel(files["model.json"], { limits: { fileBytes: 15 } })).rejects.toThrow(LimitError);
  });

  it("that break off, or were read before, are typed errors", async () => {
    manifest("w.bin");
    homeAnswers.set("/m/w.bin", (_, response) => {
      response.writeHead(200, { "content-length": "16" });
      response.write(weights.subarray(0, 4));
      setTimeout(() => response.destroy(), 50);
    });
    expect(await refused(loadModel(signed()))).toBeInstanceOf(ModelError);
    const used = new Response(weights);
    await used.arrayBuffer();
    expect(await refused(loadModel(used))).toBeInstanceOf(ModelError);
  });
});

describe("error texts print no secrets", () => {
  it("of the model's address", async () => {
    for (const address of [
      `${home}/none.onnx?token=s3cret#pa55`,
      "http://user:pa55@127.0.0.1:1/model.onnx?token=s3cret",
      "http://127.0.0.1:1/model.onnx?token=s3cret",
      "https://:pa55@[/?token=s3cret",
      `data:application/octet-stream;base64,${"A".repeat(1e6)}`,
    ]) {
      const error = await refused(loadModel(address));
      expect(error).toBeInstanceOf(ModelError);
      expect(error.message.length).toBeLessThan(1500);
    }
  });

  it("of a picture's", async () => {
    for (const address of [
      `${home}/none.png?token=s3cret`,
      "http://user:pa55@127.0.0.1:1/a.png?token=s3cret",
      "https://:pa55@[/?token=s3cret",
    ]) {
      expect(await refused(decodeImage(address))).toBeInstanceOf(InputError);
    }
  });
});
