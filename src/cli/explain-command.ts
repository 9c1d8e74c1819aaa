import { attentionMaps, encodeNpy, explain, OptionError } from "../index";
import { createPool } from "../pool";
import type { ExplainFlags } from "./explain-flags";
import { explainedBy } from "./explained";
import { checkPictures, writePictures } from "./explanation-pictures";
import { explanationDocument, explanationText } from "./explanation-text";
import { keepInputs, writeOutputFile } from "./files";
import { filesBeside, loadFlaggedModel } from "./model-flags";
import { type NamedFile, nameFor, readInputs } from "./named-files";
import { noteWriter } from "./note-writer";

/** Explains one picture, or the files of several inputs. */
export async function explainCommand(path: string | undefined, flags: ExplainFlags): Promise<void> {
  using pool = flags.workers > 1 ? await createPool({ size: flags.workers }) : undefined;
  using model = await loadFlaggedModel(flags, pool?.loadModel);
  const files = await readInputs(path, flags.input ?? [], model);
  const outputs = [flags.out, flags.npy].flatMap((path) =>
    path === undefined ? [] : [path, ...files.map(({ name }) => nameFor(path, name))],
  );
  keepInputs(outputs, [flags.model, ...filesBeside(flags), ...files.map((file) => file.path)]);
  const shownFiles = filesShown(files, flags);
  checkPictures(shownFiles, flags);
  const { predictions, results } = await explainedBy(model, files, shownFiles, flags, {
    attribute: pool?.explain ?? explain,
    look: pool?.attentionMaps ?? attentionMaps,
  });
  if (flags.json)
    process.stdout.write(`${JSON.stringify(explanationDocument(files, model, predictions, results), null, 2)}\n`);
  else process.stdout.write(explanationText(files, model, predictions, results, flags));
  const notes = noteWriter(model);
  for (const file of files) for (const message of file.notes) notes.write(message);
  for (const { attribution } of results) notes.writeAll(attribution.notes, attribution.method);
  if (flags.out) {
    const written = await writePictures(flags.out, shownFiles, results, flags);
    for (const { kind, name } of written) if (!flags.json) process.stdout.write(`${kind}: ${name}\n`);
  }
  if (flags.npy) {
    const { views } = results[0];
    for (const { file, values } of views) {
      const npy = views.length > 1 ? nameFor(flags.npy, file.name) : flags.npy;
      await writeOutputFile(npy, encodeNpy(values));
      if (!flags.json) process.stdout.write(`raw values: ${npy} (${values.shape.join("×")} float32)\n`);
    }
  }
}

/** @throws {OptionError} if --of names no input */
function filesShown(files: readonly NamedFile[], { of }: ExplainFlags): readonly NamedFile[] {
  if (of === undefined) return files;
  const found = files.filter(({ name }) => name === of);
  if (found.length > 0) return found;
  throw new OptionError(`--of ${of}: there is no such input; there are ${files.map(({ name }) => name).join(", ")}.`);
}
