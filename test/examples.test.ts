import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { decodeImage } from "../src/index";

it("examples/node runs as its README says", async () => {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-"));
  try {
    const out = execFileSync(
      "node",
      [resolve("examples/node/explain.mjs"), resolve("examples/images/scene-cat-00.png")],
      {
        cwd: folder,
        encoding: "utf8",
      },
    );
    expect(out).toMatch(/^cat: 9\d\.\d %, evidence in overlay\.png/);
    const overlay = await decodeImage(new Uint8Array(readFileSync(join(folder, "overlay.png"))));
    expect([overlay.width, overlay.height]).toEqual([96, 96]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("the README's library example uses names that exist", async () => {
  const [, code] = /```js\n([\s\S]+?)```/.exec(readFileSync("README.md", "utf8")) as unknown as [string, string];
  const [, names] = /import \{ ([^}]+) \} from "seethrough"/.exec(code) as unknown as [string, string];
  const library: Record<string, unknown> = await import("../src/index");
  for (const name of names.split(", ")) expect(library[name], name).toBeTypeOf("function");
});
