// Finishes the type declarations of dist/: each names what it needs of the host, so that they compile without one.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const reference = '/// <reference path="./host-globals.d.ts" />\n';

export function finishDeclarations(folder) {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".d.ts"))) {
    const text = readFileSync(`${folder}/${name}`, "utf8");
    if (!text.startsWith(reference)) writeFileSync(`${folder}/${name}`, reference + text);
  }
  copyFileSync("src/host-globals.d.ts", `${folder}/host-globals.d.ts`);
}
