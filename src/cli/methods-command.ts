import { type MethodFacts, type MethodName, methodTable, methodWords } from "../index";

export interface MethodsFlags {
  readonly json?: boolean;
}

/** What a method is good for, as its record says it. */
interface Row {
  readonly name: string;
  readonly question: string;
  readonly passes: string;
  readonly gradients: boolean;
  /** What the tests of docs/trust.md found against it, as its standing notes say. */
  readonly caution: string;
}

/** Questions in the order in which they are listed, each with the methods that answer it: the first that fits counts. */
const questions: readonly (readonly [question: string, fits: (facts: MethodFacts) => boolean])[] = [
  [
    "What patterns does the network follow in this picture? (to look at, no evidence for a class)",
    noted("not-class-specific"),
  ],
  [
    "What does the network find in this picture, whatever the answer?",
    (facts) => noted("hardly-about-the-target")(facts) || noted("not-about-the-target")(facts),
  ],
  [
    "I only have scores: where in the picture is the evidence?",
    ({ needs }) => needs.length === 1 && needs[0] === "scores",
  ],
  ["Where in the picture is what speaks for this answer?", ({ needs }) => needs.includes("maps")],
  ["How much did each pixel add to this answer?", ({ reading }) => reading === "share"],
  ["Which pixels would change this answer, if they changed a little?", ({ reading }) => reading === "magnitude"],
];

function noted(code: string): (facts: MethodFacts) => boolean {
  return ({ notes = [] }) => notes.includes(code);
}

function rowOf(facts: MethodFacts): Row {
  const found = questions.find(([, fits]) => fits(facts));
  const fails = noted("not-class-specific")(facts);
  const hardly = noted("hardly-about-the-target")(facts) || noted("not-about-the-target")(facts);
  return {
    name: facts.name,
    question: found?.[0] ?? "Where in the picture is what speaks for this answer?",
    passes: facts.passes,
    gradients: facts.needs.includes("gradients"),
    caution: fails ? "looks alike with random weights" : hardly ? "hardly differs between answers" : "",
  };
}

/** The decision table: question, method, cost, what it needs, and what speaks against it. */
export function methodsCommand({ json }: MethodsFlags): void {
  const rows = methodTable.map(rowOf);
  if (json) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const widths = [rows.map(({ name }) => name), rows.map(({ passes }) => passes)].map((cells) =>
    Math.max(...cells.map(({ length }) => length)),
  );
  const lines = [...questions].reverse().flatMap(([question]) => {
    const answers = rows.filter((row) => row.question === question);
    return answers.length === 0
      ? []
      : [
          question,
          ...answers.map(({ name, passes, gradients, caution }) => {
            const cells = [
              name.padEnd(widths[0]),
              passes.padEnd(widths[1]),
              gradients ? "gradients   " : "no gradients",
            ];
            return `  ${[...cells, caution].join("  ").trimEnd()}`;
          }),
          "",
        ];
  });
  const first = methodWords["grad-cam" satisfies MethodName];
  process.stdout.write(
    [
      ...lines,
      `To begin with: ${first.title}. ${first.says} seethrough evaluate judges methods on your own pictures.`,
      "",
    ].join("\n"),
  );
}
