import { readdirSync, readFileSync } from "node:fs";

/** Folders of the packages that a bundle contains, by esbuild's report on it. */
export const bundledPackages = ({ inputs }) => [
  ...new Set(
    Object.keys(inputs)
      .map((path) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1])
      .filter((folder) => folder !== undefined),
  ),
];

/** Between two notices. */
export const noticeRule = `\n\n${"─".repeat(80)}\n\n`;

/** Name, version and licence of packages whose code is part of ours, as their licences ask for. */
export const thirdPartyNotices = (folders) =>
  [...folders]
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
      const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
      const text = file
        ? readFileSync(`${folder}/${file}`, "utf8").trim()
        : `https://spdx.org/licenses/${license}.html`;
      return `${name} ${version} (${license})\n\n${text}`;
    })
    .join(noticeRule)
    .concat("\n");
