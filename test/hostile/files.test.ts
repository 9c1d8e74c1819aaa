import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { crc32 } from "../../src/image/checksums";
import { describeShared, sharedPath } from "../shared-folder";

const run = promisify(execFile);

interface Report {
  readonly file: string;
  readonly outcome: string;
  readonly isTyped: boolean;
  readonly seconds: number;
  readonly megabytes: number;
}

/** Megabytes that a file may cost, the process and the library included. Processor time is printed: it depends on the machine. */
const most = 400;

const report = async (path: string): Promise<Report> =>
  JSON.parse((await run(process.execPath, ["test/hostile/one-file.mjs", path], { timeout: 60_000 })).stdout) as Report;

/** @param before  what was said of a file when it was found, by the number that its name begins with */
async function expectSound(paths: readonly string[], before: ReadonlyMap<string, string> = new Map()): Promise<void> {
  const rows: Report[] = [];
  for (const path of paths) rows.push(await report(path));
  const line = ({ file, outcome, seconds, megabytes }: Report): string =>
    `| ${[file, before.get(file.slice(0, 2)) ?? "", outcome, `${seconds.toFixed(2)} s`, `${Math.round(megabytes)} MB`].join(" | ")} |`;
  const head = "| file | before | typed error or result now | processor | memory |";
  console.log([head, "|---|---|---|---|---|", ...rows.map(line)].join("\n"));
  expect(rows.filter(({ isTyped }) => !isTyped)).toEqual([]);
  expect(rows.filter(({ megabytes }) => megabytes > most)).toEqual([]);
}

describeShared("each hostile file in a process of its own", () => {
  it("is a typed error or the right result, in 400 MB", async () => {
    const folder = sharedPath("cases/hostile");
    const files = readdirSync(folder).filter((name) => /^\d/.test(name));
    expect(files.length).toBeGreaterThan(20);
    // | 01 | what it did | and | 07, 08 | what these did |
    const said = readFileSync(join(folder, "README.md"), "utf8").matchAll(/^\| (\d[\d, ]*) \| (.*) \|$/gm);
    const before = new Map(
      [...said].flatMap(([, numbers, text]) => numbers.split(", ").map((number) => [number, text])),
    );
    expect(files.filter((name) => !before.has(name.slice(0, 2)))).toEqual([]);
    await expectSound(
      files.map((name) => join(folder, name)),
      before,
    );
  }, 300_000);
});

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(12 + data.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(8 + data.length, crc32(out.subarray(4, 8 + data.length)));
  return out;
}

/** A PNG of 8-bit RGB whose header and data need not agree. */
function png(width: number, height: number, rest: readonly Uint8Array[]): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
  return Uint8Array.from(
    Buffer.concat([Uint8Array.from(signature), chunk("IHDR", header), ...rest, chunk("IEND", new Uint8Array())]),
  );
}

describe("files made for the purpose", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "hostile-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("are typed errors or right, in 400 MB", async () => {
    const bomb = deflateSync(new Uint8Array(300e6), { level: 9 });
    const one = deflateSync(Uint8Array.of(0, 1, 2, 3));
    const profile = Uint8Array.from(Buffer.concat([Buffer.from("p\0\0", "latin1"), bomb]));
    const deep = (open: string, close: string): Uint8Array =>
      new TextEncoder().encode(`{"format":"layers-model","modelTopology":${open.repeat(2e5)}1${close.repeat(2e5)}}`);
    // Lengths of messages inside messages, each field 7 (a graph) of the one before.
    let nested = new Uint8Array();
    for (let i = 0; i < 20_000; i++) {
      const length = nested.length;
      const varint =
        length < 128
          ? [length]
          : length < 16384
            ? [(length & 127) | 128, length >> 7]
            : [(length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14];
      nested = Uint8Array.from([0x3a, ...varint, ...nested]);
      if (nested.length > 60_000) break;
    }
    const files: Readonly<Record<string, Uint8Array>> = {
      "inflates-to-300-mb.png": png(1, 1, [chunk("IDAT", Uint8Array.from(bomb))]),
      "profile-inflates-to-300-mb.png": png(1, 1, [chunk("iCCP", profile), chunk("IDAT", Uint8Array.from(one))]),
      "text-inflates-to-300-mb.png": png(1, 1, [chunk("zTXt", profile), chunk("IDAT", Uint8Array.from(one))]),
      "four-thousand-million-wide.png": png(2 ** 31 - 1, 2 ** 31 - 1, [chunk("IDAT", Uint8Array.from(one))]),
      "deep-lists.json": deep("[", "]"),
      "deep-objects.json": deep('{"config":', "}"),
      "messages-in-messages.onnx": nested,
    };
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
    await expectSound(Object.keys(files).map((name) => join(folder, name)));
  }, 300_000);
});
