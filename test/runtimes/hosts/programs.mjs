// Where the runtimes are on this machine, and how a program is called.
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const here = fileURLToPath(new URL("../", import.meta.url));

/** How to get what is missing. */
export const fromNpm = "npm ci --prefix test/runtimes";
export const fromNpmForArm = "npm ci --prefix test/runtimes/arm64 --cpu=arm64 --os=linux";
export const fromDebian = (...packages) => `apt-get install --no-install-recommends ${packages.join(" ")}`;

/**
 * A file of a package in test/runtimes/node_modules. Runtimes come as one package per platform, and npm installs the one
 * that fits: its name is matched by its beginning.
 *
 * @returns the path, or undefined where the packages are not installed
 */
export function packagedFile(scope, prefix, ...candidates) {
  const folder = join(here, "node_modules", scope);
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .flatMap((name) => candidates.map((file) => join(folder, name, file)))
    .find((path) => existsSync(path));
}

/** The path of a program the system has, or undefined. */
export const systemProgram = (name) =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));

const execute = promisify(execFile);

/**
 * Runs a program to its end.
 *
 * @returns what it wrote to stdout
 * @throws with what it wrote to both outputs, if it fails
 */
export async function call([program, ...args], options = {}) {
  try {
    const { stdout } = await execute(program, args, { maxBuffer: 2 ** 26, ...options });
    return stdout;
  } catch (error) {
    throw new Error(`${error.message}\n${error.stdout ?? ""}\n${error.stderr ?? ""}`);
  }
}

/** The first thing in a text that looks like a version. */
export const versionIn = (text) => /\d+([.-]\d+)+/.exec(text)?.[0] ?? text.trim();
