import type { Model, Note } from "../index";
import { inFlags } from "./flag-words";

/** Writes notes to stderr, each once. */
export interface NoteWriter {
  /** @param about  the method, say, that it is of */
  write(message: string, about?: string): void;
  writeAll(notes: readonly Note[], about?: string): void;
}

/** Begins with what was assumed or found when the model was read; a result that repeats it adds nothing. */
export function noteWriter(model: Pick<Model, "notes">): NoteWriter {
  const ofModel = new Set(model.notes.map(({ message }) => message));
  const written = new Set<string>();
  const write = (message: string, about?: string): void => {
    const line = `note${about ? ` (${about})` : ""}: ${inFlags(message)}\n`;
    if (written.has(line)) return;
    written.add(line);
    process.stderr.write(line);
  };
  for (const message of ofModel) write(message);
  return {
    write,
    writeAll: (notes, about) => {
      for (const { message } of notes) if (!ofModel.has(message)) write(message, about);
    },
  };
}
