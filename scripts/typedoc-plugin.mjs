// Two habits of our docstrings that Markdown does not know: indented formulas are text as it stands, and `@throws {Error}` names the error.
import { Converter } from "typedoc";

const formula = /(?<=^|\n)((?: {2,}\S.*(?:\n|$))+)/g;

/** Formulas become fenced blocks; a line inside a sentence that is merely continued is not indented. */
const fence = (text) => text.replace(formula, (lines) => `\`\`\`text\n${lines.trimEnd()}\n\`\`\`\n`);

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, (context) => {
    for (const { comment } of Object.values(context.project.reflections)) {
      if (!comment) continue;
      comment.summary = comment.summary.map((part) =>
        part.kind === "text" ? { ...part, text: fence(part.text) } : part,
      );
      for (const tag of comment.blockTags) {
        if (tag.tag !== "@throws" || !tag.typeAnnotation) continue;
        const name = tag.typeAnnotation.replace(/[{}]/g, "");
        tag.content.unshift({ kind: "code", text: `\`${name}\`` }, { kind: "text", text: " " });
      }
    }
  });
}
