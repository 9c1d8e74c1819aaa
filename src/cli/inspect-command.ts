import { inspect, loadModel, showReport } from "../index";

export async function inspectCommand(path: string | undefined, { json }: { readonly json?: boolean }): Promise<void> {
  using model = await loadModel(path);
  const report = inspect(model);
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${showReport(report)}\n`);
}
