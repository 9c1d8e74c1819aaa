// Packs the package as it would be published and unpacks it into an empty folder with its dependencies, far from the
// sources: a file missing in `files` or a dependency missing in package.json is missing there too.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const npm = (...args) =>
  execFileSync("npm", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

/** @returns the folder: `node_modules/seethrough`, its dependencies, the suite; the caller removes it */
export function makeConsumer() {
  const folder = mkdtempSync(join(tmpdir(), "seethrough-runtimes-"));
  const installed = join(folder, "node_modules", "seethrough");
  mkdirSync(installed, { recursive: true });
  const [{ filename }] = JSON.parse(npm("pack", "--ignore-scripts", "--json", "--pack-destination", folder));
  execFileSync("tar", ["xzf", filename, "-C", installed, "--strip-components=1"], { cwd: folder });
  rmSync(join(folder, filename));
  for (const path of npm("ls", "--omit=dev", "--all", "--parseable").trim().split("\n").slice(1)) {
    cpSync(path, join(folder, relative(root, path)), { recursive: true });
  }
  cpSync(join(root, "test/runtimes/suite"), join(folder, "suite"), { recursive: true });
  cpSync(join(root, "examples/images/scene-cat-00.png"), join(folder, "photo.png"));
  const { version } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ type: "module", dependencies: { seethrough: version } }),
  );
  return folder;
}
