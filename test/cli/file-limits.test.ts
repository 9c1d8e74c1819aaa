/** What the command line reads, read no further than it may be long. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readArray } from "../../src/cli/array-file";
import { mostFileBytes, prepareFolder, readInputFile, writeOutputFile } from "../../src/cli/files";
import { readJson } from "../../src/cli/model-flags";
import { InputError } from "../../src/index";

const folder = mkdtempSync(join(tmpdir(), "seethrough-limits-"));
afterAll(() => rmSync(folder, { recursive: true }));
const written = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

describe("a file on the command line", () => {
  it("is read whole up to its limit, and refused beyond it", async () => {
    const path = written(
      "ten.bin",
      Uint8Array.from({ length: 10 }, (_, i) => i),
    );
    expect([...(await readInputFile(path, 10))]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await expect(readInputFile(path, 9)).rejects.toThrow(InputError);
    expect(await readInputFile(written("none.bin", ""))).toHaveLength(0);
  });

  it.runIf(process.platform !== "win32")("that never ends is not read for ever", async () => {
    await expect(readInputFile("/dev/zero", 2 ** 22)).rejects.toThrow(/\/dev\/zero has more than 4 MiB/);
  });

  it("of a search's result or a configuration is a text of at most 64 MiB", async () => {
    const path = written("large.json", new Uint8Array(mostFileBytes.text + 1).fill(0x20));
    await expect(readJson(path, "a result is expected")).rejects.toThrow(/has more than 64 MiB/);
  });

  it("with lists without end inside each other is no input", () => {
    const deep = new TextEncoder().encode("[".repeat(50_000) + "]".repeat(50_000));
    expect(() => readArray("deep.json", deep)).toThrow(InputError);
  });

  it("that is missing or a folder says so", async () => {
    await expect(readInputFile(join(folder, "nowhere"))).rejects.toThrow(/cannot be read: there is no such file/);
    await expect(readInputFile(folder)).rejects.toThrow(/cannot be read: it is a folder/);
  });
});

describe("an output of the command line", () => {
  it("gets the folders that are missing", async () => {
    const path = join(folder, "a", "b", "c.txt");
    await Promise.all([writeOutputFile(path, Uint8Array.of(1)), prepareFolder(join(folder, "a", "b", "d.txt"))]);
    expect(existsSync(path)).toBe(true);
  });

  it("below a file, or where the system makes no folders, is refused at once", async () => {
    const file = written("file", "");
    await expect(writeOutputFile(join(file, "x", "y.png"), Uint8Array.of(1))).rejects.toThrow(
      /y\.png cannot be written: part of the path is not a folder/,
    );
    if (process.platform !== "linux") return;
    for (const path of ["/proc/x/y.png", "/proc/a/b/c/y.png"]) {
      await expect(prepareFolder(path)).rejects.toThrow(/y\.png cannot be written: no folder can be made in \/proc/);
    }
  });
});
