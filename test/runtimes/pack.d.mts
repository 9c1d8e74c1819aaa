/** @returns the folder: `node_modules/seethrough`, its dependencies, the suite; the caller removes it */
export function makeConsumer(): string;
