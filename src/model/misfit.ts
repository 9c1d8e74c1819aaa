import { OptionError, TargetError } from "../errors";

/** What is wrong with a detection whose head names what a model does not have: not an option, but whose it is. */
export const misfit = (model: string, error: unknown): unknown =>
  error instanceof OptionError
    ? new TargetError(
        `The detection does not fit the model "${model}": it was found by another model, or with another output. ${error.message}`,
      )
    : error;
