import fc from "fast-check";

/**
 * Properties are tried with the same inputs at every run, so that a red test is red again; SEETHROUGH_SEED tries others. Tests
 * import fast-check from here.
 */
const seedOfRun = Number(process.env.SEETHROUGH_SEED ?? 1);
fc.configureGlobal({ seed: seedOfRun });

/**
 * Of cases that are numbered: added to a seed of their own, so that SEETHROUGH_SEED tries others. Not a multiple of what they are numbered
 * by, which would give the next run the same cases under other numbers.
 */
export const otherSeeds = Math.imul(seedOfRun - 1, 0x85ebca6b);

/** What a case is called, so that it can be tried again. */
export const caseOf = (i: number | string): string =>
  seedOfRun === 1 ? `case ${i}` : `case ${i} of SEETHROUGH_SEED=${seedOfRun}`;

export default fc;
