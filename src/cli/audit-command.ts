import { type Audit, type AuditedClass, auditExamples, htmlReport, type Model } from "../index";
import type { AuditFlags } from "./audit-flags";
import { auditTable } from "./audit-table";
import { folderCommand } from "./folder-command";
import { openAudit } from "./folder-looks";
import { labelledPictures, shardOf, smallPhotos } from "./labelled-folder";

export async function auditCommand(folder: string, flags: AuditFlags): Promise<void> {
  const pictures = shardOf(await labelledPictures(folder, flags.labelsCsv), flags.shard);
  const files = [flags.model, flags.controlModel].filter((each) => each !== undefined);
  await folderCommand<Audit>({
    ...{ task: { command: "audit", folder, flags }, pictures, files, done: "audited" },
    open: () => openAudit(flags),
    spoken: ([model]) => [model],
    told: (result, models) => ({
      result,
      table: () => auditTable(result),
      page: async () => {
        const photos = await smallPhotos(pictures, auditExamples(result), 256);
        return htmlReport(result, { title: `Audit of ${models[0].name} on ${folder}`, photos, models });
      },
      text: () => text(folder, models[0], result),
    }),
  });
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

function text(
  folder: string,
  model: Model,
  { images, accuracy, classes, confusion, suspicions, unknownLabels }: Audit,
): string {
  const right = accuracy === undefined ? "" : `, ${percent(accuracy)} right`;
  const wrong = confusion
    .slice(0, 5)
    .map(
      ({ label, predicted, count, examples }) => `  ${label} called ${predicted}: ${count}, for example ${examples[0]}`,
    );
  return [
    `${folder}, ${images.length === 1 ? "1 picture" : `${images.length} pictures`}${right}, seen by ${model.name}`,
    ...(unknownLabels.length > 0 ? [`labels that are no class of the network: ${unknownLabels.join(", ")}`] : []),
    ...(wrong.length > 0 ? ["", "wrong answers", ...wrong] : []),
    "",
    "clusters of evidence",
    ...classes.map(classLine),
    "",
    ...(suspicions.length === 0
      ? ["suspicions: none; no cluster's evidence lies where the control's does not"]
      : [
          "suspicions, the strongest first",
          ...suspicions.map(({ says, strength }) => `  ${strength.toFixed(2)}  ${says}`),
        ]),
    ...unmasked(images),
    "",
  ].join("\n");
}

/** Where the object is not known, how much less is compared. */
function unmasked(images: Audit["images"]): string[] {
  const bare = images.filter(({ evidence }) => evidence.outside === undefined).length;
  if (bare === 0) return [];
  const whose = bare === images.length ? "no mask says" : `of ${bare} of ${images.length} pictures no mask says`;
  return [
    `${whose} where the object is: there the picture's rim was compared, a much weaker hint (photo.mask.png beside photo.png shows it in white)`,
  ];
}

function classLine({ label, size, clusters, outliers, sampled }: AuditedClass): string {
  const each = clusters.map(
    ({ size: count, accuracy }) => `${count}${accuracy === undefined ? "" : ` (${percent(accuracy)} right)`}`,
  );
  const alone = outliers.length > 0 ? `; alone: ${outliers.slice(0, 3).join(", ")}` : "";
  const among = sampled === undefined ? "" : `, found among ${sampled} of them`;
  return `  ${label}: ${size === 1 ? "1 picture" : `${size} pictures`}, clusters of ${each.join(", ")}${among}${alone}`;
}
