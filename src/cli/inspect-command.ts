import { inspect, showReport } from "../index";
import { inFlags } from "./flag-words";
import { loadFlaggedModel, type ModelFlags } from "./model-flags";

export interface InspectFlags extends Omit<ModelFlags, "model"> {
  readonly json?: boolean;
}

export async function inspectCommand(path: string | undefined, flags: InspectFlags): Promise<void> {
  using model = await loadFlaggedModel({ ...flags, model: path });
  const report = inspect(model);
  process.stdout.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : `${inFlags(showReport(report))}\n`);
}
