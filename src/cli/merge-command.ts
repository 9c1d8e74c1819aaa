import { type Audit, InputError, mergeAudits, mergeTopActivations, type TopActivations } from "../index";
import { readJson } from "./model-flags";

const isAudit = (part: unknown): boolean =>
  typeof part === "object" && part !== null && "format" in part && String(part.format).startsWith("seethrough/audit/");

/** Prints the merged result; the library checks what the files hold. */
export async function mergeCommand(paths: readonly string[]): Promise<void> {
  const parts = await Promise.all(
    paths.map((path) => readJson(path, "the parts are results of seethrough search --json or seethrough audit --json")),
  );
  const audits = parts.filter(isAudit).length;
  if (audits > 0 && audits < parts.length) {
    const other = paths[parts.findIndex((part) => isAudit(part) !== isAudit(parts[0]))];
    throw new InputError(`${other} is no part of what ${paths[0]} is of: results of audit and search do not merge.`);
  }
  const whole =
    audits > 0 ? await mergeAudits(...(parts as Audit[])) : mergeTopActivations(...(parts as TopActivations[]));
  process.stdout.write(`${JSON.stringify(whole, null, 2)}\n`);
}
