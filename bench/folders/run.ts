/** What whole folders take on the command line: the largest memory and processor time, over folders of rising size. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePng } from "../../dist/index.js";
import { sceneMaker } from "../search/scenes";

const sizes = [1000, 5000, 10_000];
const model = "models/petshop.onnx";

/** Each with the files that it writes into a folder of its own. */
const commands: Readonly<Record<string, (photos: string, out: string) => readonly string[]>> = {
  audit: (photos, out) => ["audit", photos, "--model", model, "--out", join(out, "audit.html")],
  "audit --resume": (photos, out) => ["audit", photos, "--model", model, "--resume", join(out, "audit.json")],
  "explain --csv": (photos, out) => ["explain", photos, "--model", model, "--csv", join(out, "table.csv")],
};

/** Written by a process as it ends: the peak of its own memory, and its processor time. A parent's memory counts in what the host reports of a child. */
const report = (file: string): string =>
  `data:text/javascript,${encodeURIComponent(
    `import { existsSync, readFileSync, writeFileSync } from "node:fs";
process.on("exit", () => {
  const status = "/proc/self/status";
  const own = existsSync(status) ? /VmHWM:\\s*(\\d+)/.exec(readFileSync(status, "utf8"))?.[1] : undefined;
  const { user, system } = process.cpuUsage();
  writeFileSync(${JSON.stringify(file)}, JSON.stringify([Number(own ?? process.resourceUsage().maxRSS) / 1024, (user + system) / 1e6]));
});`,
  )}`;

async function writeScenes(folder: string, from: number, to: number): Promise<void> {
  const make = await sceneMaker();
  const labels: readonly string[] = JSON.parse(readFileSync("models/labels.json", "utf8"));
  for (const label of labels) mkdirSync(join(folder, label), { recursive: true });
  for (let i = from; i < to; i++) {
    const { id, image } = make(i);
    writeFileSync(join(folder, labels[i % labels.length], `${id}.png`), await encodePng(image));
  }
}

function measure(name: string, count: number, photos: string, folder: string): void {
  const out = mkdtempSync(join(folder, "out-"));
  const peak = join(out, "peak");
  execFileSync(process.execPath, ["--import", report(peak), "dist/cli.js", ...commands[name](photos, out)], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const state = join(out, "audit.json");
  const written = existsSync(state) ? `, state of ${(readFileSync(state).length / 2 ** 20).toFixed(1)} MB` : "";
  const [megabytes, seconds]: readonly number[] = JSON.parse(readFileSync(peak, "utf8"));
  console.log(
    `${name}, ${count} pictures: ${megabytes.toFixed(0)} MB at most, ${seconds.toFixed(0)} s of processor time${written}`,
  );
  rmSync(out, { recursive: true });
}

/** @param asked  names of commands; none: all */
async function main(asked: readonly string[]): Promise<void> {
  const names = asked.length > 0 ? asked : Object.keys(commands);
  const folder = mkdtempSync(join(tmpdir(), "seethrough-folders-"));
  try {
    const photos = join(folder, "photos");
    let made = 0;
    for (const count of sizes) {
      await writeScenes(photos, made, count);
      made = count;
      for (const name of names) measure(name, count, photos, folder);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

void main(process.argv.slice(2));
