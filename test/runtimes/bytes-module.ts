/** The source of a module without imports that gives a network's bytes, for hosts that read no files. */
export function bytesModule(name: string, what: string, maker: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString("base64")
      .match(/.{1,110}/g) ?? [];
  return [
    `// Made by ${maker}; "npm run runtimes:record" makes it again.`,
    "const base64 = [",
    ...lines.map((line) => `  "${line}",`),
    '].join("");',
    "",
    `/** ${what}. */`,
    `export const ${name} = () => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));`,
    "",
  ].join("\n");
}
