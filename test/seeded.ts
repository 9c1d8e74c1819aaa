import fc from "fast-check";

/**
 * Properties are tried with the same inputs at every run, so that a red test is red again; SEETHROUGH_SEED tries others. Tests
 * import fast-check from here.
 */
fc.configureGlobal({ seed: Number(process.env.SEETHROUGH_SEED ?? 1) });

export default fc;
